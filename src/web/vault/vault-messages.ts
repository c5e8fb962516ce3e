import { type VolumeKind } from "../../format/disk/volume-kind.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";

/** An archive of a snapshot. */
export interface ArchivePlaceOfVault {
  readonly snapshot: SnapshotPlace;
  /** Name with the server's ending; of a split archive the one with the metadata. */
  readonly archive: string;
}

/** What is known of a snapshot after its manifest was read and, with a key, proven. */
export interface OpenedSnapshot {
  /** `signed`: proven by the key; `unsigned`: made without one; `unchecked`: there is no key to check with. */
  readonly trust: "signed" | "unsigned" | "unchecked";
  /** Key that its files are encrypted with and that the vault lacks. */
  readonly lacksKey: string | undefined;
}

/** One name in a folder. */
export interface VaultItem {
  /** Base64 of its path in bytes, the archive's name first. */
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size?: number;
  readonly mtimeSec?: number;
}

/** One name with what a folder that is saved as one file keeps of it; a hard link has that of its file. */
export interface VaultEntry extends VaultItem {
  readonly mtimeSec: number;
  /** `st_mode` with the file type bits; they say the kind of a hard link's file. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Where a symbolic link leads; bytes that are no UTF-8 are replaced. */
  readonly target?: string;
  /** Identity of the file that a hard link is a further name of. */
  readonly fileId?: string;
}

/** A folder, whose name is empty at the root, with its entries in the archive's order. */
export interface VaultFolder {
  readonly own: VaultEntry;
  readonly entries: readonly VaultEntry[];
}

/** How a name differs between two snapshots. */
export interface ComparedItem {
  readonly id: string;
  /** Path below the root of the archive, as it is shown. */
  readonly path: string;
  readonly change: "added" | "removed" | "changed";
  readonly type: string;
  readonly sizeBefore?: number;
  readonly sizeAfter?: number;
}

/** A file as it is in one snapshot, or that it is not there. */
export interface FileVersion {
  readonly snapshot: SnapshotPlace;
  readonly state: "there" | "absent" | "unreadable";
  readonly size?: number;
  readonly mtimeSec?: number;
  /** Whether it differs from the version before it, as far as size and time tell. */
  readonly isNew: boolean;
  readonly id: string;
}

/** A partition of an image, or the whole of one without a partition table. */
export interface VaultVolume {
  /** As Linux counts them; 0 for the whole image. */
  readonly number: number;
  /** Bytes from the start of the image. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly kind: VolumeKind;
}

/** What can be asked of the vault; every method is one message to the worker and one back. */
export interface VaultMethods {
  /** Takes a key out of a key file; it stays in the worker. Gives its fingerprint. */
  addKey(request: { readonly text: string; readonly passphrase: string }): string;
  /** Fingerprints of the keys that are there. */
  keys(request: Record<string, never>): readonly string[];
  /** Reads and proves the manifest. */
  open(request: { readonly snapshot: SnapshotPlace }): OpenedSnapshot;
  /** Entries of a folder; of the root for an empty identity. */
  list(request: ArchivePlaceOfVault & { readonly id: string }): readonly VaultItem[];
  /** A folder, with all that a file made of it keeps. */
  describe(request: ArchivePlaceOfVault & { readonly id: string }): VaultFolder;
  /** A piece of a file; shorter only at its end. */
  read(
    request: ArchivePlaceOfVault & {
      readonly id: string;
      readonly offset: number;
      readonly size: number;
    },
  ): Uint8Array;
  /** Bytes of a whole archive or small file. */
  sizeOf(request: ArchivePlaceOfVault): number;
  /** A piece of a whole archive or small file. */
  readWhole(
    request: ArchivePlaceOfVault & { readonly offset: number; readonly size: number },
  ): Uint8Array;
  /** Partitions of an image, or the whole of it. */
  volumes(request: ArchivePlaceOfVault): readonly VaultVolume[];
  /** What differs between two snapshots of one archive. */
  compare(request: {
    readonly before: ArchivePlaceOfVault;
    readonly after: ArchivePlaceOfVault;
    readonly itemsMax: number;
  }): { readonly items: readonly ComparedItem[]; readonly isComplete: boolean };
  /** One file in many snapshots, the newest first. */
  history(request: {
    readonly places: readonly ArchivePlaceOfVault[];
    readonly id: string;
  }): readonly FileVersion[];
}

/** Name of a method of the vault. */
export type VaultMethod = keyof VaultMethods;

/** A question to the worker. */
export interface VaultQuestion {
  readonly number: number;
  readonly method: VaultMethod;
  readonly request: unknown;
}

/** The worker's answer to the question with the same number. */
export interface VaultAnswer {
  readonly number: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code: string | undefined };
}

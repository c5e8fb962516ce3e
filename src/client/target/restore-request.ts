import { type SharedArenaHandle } from "../../chunks/shared-arena.ts";
import { type ChunkAsking } from "../archive/blocking-source.ts";
import { type RestoreFailure } from "./restore-failure.ts";
import { type RestoreProblem } from "./restore-problem.ts";

/** What a restore may do to what is there, and what it leaves out. */
export interface RestoreOptions {
  /** Directories that are there are used, and get the metadata of the archive. */
  readonly existingDirectories: "refuse" | "use";
  /** Kinds of entries that replace what has their name, unless that is a directory. */
  readonly overwrite: {
    readonly files: boolean;
    readonly symlinks: boolean;
    readonly hardLinks: boolean;
    readonly special: boolean;
  };
  /** Parts of the metadata that are not restored. */
  readonly ignore: {
    readonly acls: boolean;
    readonly xattrs: boolean;
    readonly fcaps: boolean;
    readonly ownership: boolean;
    readonly permissions: boolean;
  };
  /** Kinds of entries that are passed over. */
  readonly leaveOut: {
    readonly devices: boolean;
    readonly fifos: boolean;
    readonly sockets: boolean;
  };
  /** Whether a device that cannot be made ends the restore. */
  readonly deviceErrors: "fail" | "report";
  /** Whether runs of zeros become holes. */
  readonly zeros: "holes" | "written";
}

/** An archive as the restoring thread sees it. */
export interface AskedArchive {
  /** `.didx` file. */
  readonly index: Uint8Array;
  readonly asking: ChunkAsking;
}

/** A pattern of what is restored (spec client-cli.md §2.2); as bytes where a name is not UTF-8. */
export type RestorePattern = string | Uint8Array;

/** What to restore; plain data, for the restoring thread. */
export interface RestoreRequest {
  /** Directory to restore into; made if it is missing, otherwise empty unless the options say more. */
  readonly target: Uint8Array;
  /** The archive, or the metadata archive of a split one. */
  readonly archive: AskedArchive;
  readonly payload: AskedArchive | undefined;
  /** What to restore; everything when empty (spec client-cli.md §2.2). */
  readonly patterns: readonly RestorePattern[];
  /** Names on the way from the root to the directory that becomes the target; none for the root. */
  readonly below: readonly Uint8Array[];
  readonly options: RestoreOptions;
  /** Slots that chunks come in. */
  readonly arena: SharedArenaHandle;
  /** Memory of `SharedCounters` over {@link restoreCounterFields}. */
  readonly counters: SharedArrayBuffer;
  /** Memory of a `JobRing` for each thread that makes files; without any, the reading thread makes them. */
  readonly rings: readonly SharedArrayBuffer[];
  /** One 32-bit number that is not 0 when the restore is to end. */
  readonly stop: SharedArrayBuffer;
}

/** What a restoring thread counts: entries of any kind, and bytes of content. */
export const restoreCounterFields = ["entries", "bytes"] as const;

/** One of {@link restoreCounterFields}. */
export type RestoreCounter = (typeof restoreCounterFields)[number];

/** A file whose content cannot be had and which was left out. */
export interface ContentDamage {
  /** Path below the target, any bytes. */
  readonly path: Uint8Array;
  readonly archive: "archive" | "payload";
  /** Position of the chunk that was not delivered; absent when the archive contradicts itself. */
  readonly chunk: number | undefined;
  readonly failure: RestoreFailure;
}

/** What the restoring thread says: problems and damage while it works, and why it ended early. */
export type RestoreAnswer =
  | { readonly kind: "problem"; readonly problem: RestoreProblem }
  | { readonly kind: "damage"; readonly damage: ContentDamage }
  | {
      readonly kind: "failed";
      readonly failure: RestoreFailure;
      /** Where in the archive it happened, as a path below the target. */
      readonly path: Uint8Array;
      /** Position of the chunk of the archive that was not delivered, if that is why. */
      readonly chunk: number | undefined;
    };

/** What a thread that makes files gets. */
export interface WriterRequest {
  readonly options: RestoreOptions;
  /** Memory of its `JobRing`. */
  readonly ring: SharedArrayBuffer;
  readonly arena: SharedArenaHandle;
}

/** What such a thread says. */
export type WriterAnswer =
  | { readonly kind: "problem"; readonly problem: RestoreProblem }
  | { readonly kind: "failed"; readonly failure: RestoreFailure };

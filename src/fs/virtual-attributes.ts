import { FormatError } from "../format/format-error.ts";
import { timeText } from "../format/snapshot/time-text.ts";
import { type AnswerMemory, LISTING_MS } from "./answer-memory.ts";
import { type ArchiveSlot, type ArchiveSlots } from "./archive-slots.ts";
import { type ChunkedBytes } from "./chunked-bytes.ts";
import { type Attributes } from "./file-system.ts";
import { FsError } from "./fs-error.ts";
import { type SnapshotFile, type SnapshotKey } from "./fs-need.ts";
import { type ListingVersions } from "./listing-versions.ts";
import { type ShownFile } from "./shown-file.ts";
import { type VirtualNode } from "./virtual-node.ts";

/** How long the kernel may show the listing of a directory above archives, or follow `latest`, before it asks again. */
const DIRECTORY_MS = 1000;

/** Why attributes are wanted: because a directory is listed, or for their own sake. */
export type Occasion = "listed" | "asked for";

/** What {@link VirtualAttributes} are made of. */
export interface VirtualAttributesParts {
  readonly memory: AnswerMemory;
  readonly slots: ArchiveSlots;
  readonly versions: ListingVersions;
  /** Owner of what has none in the backup: directories above archives, images, blobs. */
  readonly uid: number;
  readonly gid: number;
}

/** Attributes of what is in a datastore besides the content of archives: directories above them, links, images, blobs. */
export class VirtualAttributes {
  readonly #parts: VirtualAttributesParts;

  /** Reads what it needs from the parts when it is asked. */
  constructor(parts: VirtualAttributesParts) {
    this.#parts = parts;
  }

  /** An archive that cannot be opened: a closed door. */
  ofClosedArchive({ rootInode, snapshot }: ArchiveSlot): Attributes {
    return this.#synthetic(rootInode, {
      kind: "directory",
      mode: 0o40000,
      mtimeSec: snapshot.timeSec,
    });
  }

  /** Attributes of a node under its inode number. */
  of(node: VirtualNode, ino: number, occasion: Occasion): Attributes {
    switch (node.kind) {
      case "namespace":
      case "namespaces":
      case "type":
        return this.#changingDirectory(ino, 0);
      case "group":
        return this.#changingDirectory(ino, node.lastTimeSec);
      case "snapshot":
        return this.#synthetic(ino, {
          kind: "directory",
          mode: 0o40555,
          mtimeSec: node.snapshot.timeSec,
        });
      case "latest":
        return {
          ...this.#synthetic(ino, {
            kind: "symlink",
            mode: 0o120777,
            mtimeSec: node.timeSec,
            size: timeText(node.timeSec).length,
          }),
          timeoutMs: DIRECTORY_MS,
        };
      case "file":
        return this.#attributesOfFile(node, ino, occasion);
    }
  }

  /** The nanoseconds of its modification time tell the kernel whether the listing that it keeps may be out of date. */
  #changingDirectory(ino: number, mtimeSec: number): Attributes {
    return {
      ...this.#synthetic(ino, { kind: "directory", mode: 0o40555, mtimeSec }),
      mtimeNanos: this.#parts.versions.numberOf(ino),
      timeoutMs: DIRECTORY_MS,
    };
  }

  #attributesOfFile(
    node: VirtualNode & { readonly kind: "file" },
    ino: number,
    occasion: Occasion,
  ): Attributes {
    const { snapshot, file } = node;
    const mtimeSec = snapshot.timeSec;
    if (file.kind === "image") {
      const { size } = file.file;
      const shown = this.#synthetic(ino, { kind: "file", mode: 0o100400, mtimeSec, size });
      const bytes = this.#imageBytes(snapshot, file.file, occasion);
      if (bytes === "later") return { ...shown, timeoutMs: 0 };
      return { ...shown, allocatedBytes: size - (bytes?.zeroBytesIn(0, bytes.size) ?? 0) };
    }
    try {
      const size = this.smallContent(snapshot, file).length;
      return this.#synthetic(ino, { kind: "file", mode: 0o100400, mtimeSec, size });
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      return this.#synthetic(ino, { kind: "file", mode: 0o100000, mtimeSec });
    }
  }

  /**
   * The image whose holes are to be shown; `undefined` when it cannot be opened.
   *
   * A listing of many images does not fetch their indexes: the kernel is made to ask again for those it wants to know.
   */
  #imageBytes(
    snapshot: SnapshotKey,
    file: SnapshotFile,
    occasion: Occasion,
  ): ChunkedBytes | "later" | undefined {
    if (occasion === "listed") return this.#parts.slots.openedBytes(snapshot, file) ?? "later";
    try {
      return this.#parts.slots.bytesOf(snapshot, file);
    } catch (error) {
      if (error instanceof FsError || error instanceof FormatError) return undefined;
      throw error;
    }
  }

  /** Content of a blob or the manifest; the size on record is that of the encoded blob, so `stat` needs it too. */
  smallContent(
    snapshot: SnapshotKey,
    file: ShownFile & { readonly kind: "blob" | "manifest" },
  ): Uint8Array {
    return file.kind === "manifest"
      ? this.#parts.memory.get({ kind: "open-snapshot", snapshot }).manifest
      : this.#parts.memory.get({ kind: "blob", snapshot, archive: file.file.name });
  }

  #synthetic(
    ino: number,
    {
      kind,
      mode,
      mtimeSec,
      size = 0,
    }: {
      readonly kind: "directory" | "file" | "symlink";
      readonly mode: number;
      readonly mtimeSec: number;
      readonly size?: number;
    },
  ): Attributes {
    const { uid, gid } = this.#parts;
    return {
      ino,
      kind,
      mode,
      nlink: 1,
      uid,
      gid,
      size,
      deviceMajor: 0,
      deviceMinor: 0,
      mtimeSec,
      mtimeNanos: 0,
      timeoutMs: LISTING_MS,
    };
  }
}

import { type ChunkIndex, indexCsum } from "../../format/index/chunk-index.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { type ArchiveName, archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type KnownChunks } from "./known-chunks.ts";
import { readStoredIndex } from "./read-stored-index.ts";
import { registerIndex } from "./register-index.ts";
import { type StoredFile } from "./store-backend.ts";
import { StoreError, type StoreErrorCode } from "./store-error.ts";
import { snapshotPath } from "./store-path.ts";

/** A file of the base snapshot. */
export type PreviousFile = StoredFile & {
  /** How many chunks became known by it; absent for a blob. */
  readonly registeredChunks?: number;
};

/** The snapshot that a backup builds on, or that there is none; whoever makes it holds the snapshot's lock. */
export class BaseSnapshot {
  readonly #parts: DatastoreParts;
  readonly #namespace: Namespace;
  readonly #snapshot: SnapshotId | undefined;

  constructor(
    parts: DatastoreParts,
    place: { readonly namespace: Namespace; readonly base: SnapshotId | undefined },
  ) {
    this.#parts = parts;
    this.#namespace = place.namespace;
    this.#snapshot = place.base;
  }

  /**
   * Opens a file; the chunks of an index become known (spec backup-protocol.md §4.9).
   *
   * @throws {StoreError} `STORE_NO_BASE`; `STORE_FILE_MISSING` for a blob that is not there.
   * @throws {FormatError} For an index that is none.
   */
  async openFile(archive: ArchiveName, known: KnownChunks): Promise<PreviousFile> {
    if (!this.#snapshot) throw new StoreError("STORE_NO_BASE", "no valid previous backup");
    const path = `${snapshotPath(this.#namespace, this.#snapshot)}/${archive}`;
    const kind = archiveKindOf(archive);
    if (kind === "blob") return await this.#open(path, "STORE_FILE_MISSING");
    const file = await this.#open(path, "STORE_NO_BASE");
    try {
      const index = await readStoredIndex(file, kind);
      await registerIndex(known, index);
      return { ...file, registeredChunks: index.count };
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Index of an image from which an incremental backup of `size` bytes starts (spec backup-protocol.md §4.2).
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` when there is none, or it is not what the client takes it for.
   * @throws {FormatError} For an index that is none.
   */
  async reusableIndex(
    archive: ArchiveName,
    wanted: { readonly size: number | undefined; readonly csum: string },
  ): Promise<ChunkIndex> {
    const { size } = wanted;
    if (size === undefined) throw refused("size is required for incremental backups");
    if (!this.#snapshot) throw refused("cannot reuse index - no valid previous backup exists");
    const path = `${snapshotPath(this.#namespace, this.#snapshot)}/${archive}`;
    await using file = await this.#parts.backend.openFile(path);
    if (!file) throw refused("cannot reuse index - no previous backup exists for archive");
    const index = await readStoredIndex(file, "fixed");
    const csum = indexCsum(this.#parts.codec, index);
    if (csum !== wanted.csum) {
      throw refused(
        `expected csum (${wanted.csum}) doesn't match last backup's (${csum}), cannot do incremental backup`,
      );
    }
    const count = Math.ceil(size / FIXED_CHUNK_BYTES);
    if (index.count !== count) {
      throw refused(`cannot reuse index - index sizes not equal (${index.count} != ${count})`);
    }
    const chunkBytes = index.endOf(0);
    if (count > 1 && chunkBytes !== FIXED_CHUNK_BYTES) {
      throw refused(
        `cannot reuse index - chunk sizes not equal (${chunkBytes} != ${FIXED_CHUNK_BYTES})`,
      );
    }
    return index;
  }

  /**
   * Fails when the snapshot is gone although it was locked: something outside of us removed it.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`.
   */
  async assertPresent(): Promise<void> {
    if (!this.#snapshot) return;
    const folder = await this.#parts.listing.findSnapshot(this.#namespace, this.#snapshot);
    if (folder?.isFinished === true) return;
    throw new StoreError(
      "STORE_SNAPSHOT_MISSING",
      `base snapshot ${snapshotIdText(this.#snapshot)} was removed during backup, cannot finish as chunks might be missing`,
    );
  }

  async #open(path: string, missing: StoreErrorCode): Promise<StoredFile> {
    const file = await this.#parts.backend.openFile(path);
    if (!file) throw new StoreError(missing, `open file "${path}" failed - not found`);
    return file;
  }
}

function refused(detail: string): StoreError {
  return new StoreError("STORE_UPLOAD_REFUSED", detail);
}

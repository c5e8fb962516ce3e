import { type BlobSource, type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ArchiveName, archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { snapshotLockKey, snapshotPath } from "./store-path.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { KnownChunks } from "./known-chunks.ts";
import { type Lock } from "./lock-table.ts";
import { readStoredIndex } from "./read-stored-index.ts";
import { registerIndex } from "./register-index.ts";
import { type StoredFile } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/**
 * One finished snapshot being read: holds its shared lock, so that nobody removes it meanwhile.
 *
 * Hands out files, and the chunks that an opened index names, no others (spec reader-protocol.md §2). Calls may overlap.
 */
export class SnapshotReader implements BlobSource, AsyncDisposable {
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  readonly #parts: DatastoreParts;
  readonly #lock: Lock;
  readonly #allowed: KnownChunks;

  private constructor(
    parts: DatastoreParts,
    claim: { namespace: Namespace; snapshot: SnapshotId; lock: Lock },
  ) {
    this.namespace = claim.namespace;
    this.snapshot = claim.snapshot;
    this.#parts = parts;
    this.#lock = claim.lock;
    this.#allowed = new KnownChunks(
      new DataView(parts.codec.randomBytes(4).slice().buffer).getUint32(0),
    );
  }

  /**
   * Locks a snapshot for reading.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`, also for one that is not finished (W3); `STORE_LOCKED` while it is
   *   written or removed.
   */
  static async open(
    parts: DatastoreParts,
    namespace: Namespace,
    snapshot: SnapshotId,
  ): Promise<SnapshotReader> {
    const name = snapshotIdText(snapshot);
    await parts.listing.requireSnapshot(namespace, snapshot);
    const lock = parts.locks.tryShared(snapshotLockKey(namespace, snapshot));
    if (!lock) {
      throw new StoreError("STORE_LOCKED", `snapshot ${name} is locked by another operation`);
    }
    try {
      const folder = await parts.listing.requireSnapshot(namespace, snapshot);
      if (!folder.isFinished) {
        throw new StoreError("STORE_SNAPSHOT_MISSING", `snapshot ${name} is not finished.`);
      }
      return new SnapshotReader(parts, { namespace, snapshot, lock });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Path of the snapshot's folder with that of the datastore, for logs. */
  get path(): string {
    return `${this.#parts.backend.location}/${this.#folder}`;
  }

  /** Names of the snapshot's files, sorted. */
  async listFiles(): Promise<readonly string[]> {
    const folder = await this.#parts.listing.requireSnapshot(this.namespace, this.snapshot);
    return folder.files;
  }

  /**
   * Opens a file; from then on the chunks of an index may be read.
   *
   * @throws {StoreError} `STORE_FILE_MISSING`.
   * @throws {FormatError} For an index that is none.
   */
  async openFile(archive: ArchiveName): Promise<StoredFile> {
    const path = `${this.#folder}/${archive}`;
    const file = await this.#parts.backend.openFile(path);
    if (!file) throw new StoreError("STORE_FILE_MISSING", `open file "${path}" failed - not found`);
    const kind = archiveKindOf(archive);
    if (kind === "blob") return file;
    try {
      const index = await readStoredIndex(file, kind);
      await registerIndex(this.#allowed, index);
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Reads a chunk that an opened index names.
   *
   * @throws {StoreError} `STORE_CHUNK_FORBIDDEN` for any other.
   * @throws {ChunkError} `CHUNK_MISSING`, `CHUNK_UNREADABLE`.
   */
  async readBlob(digest: Digest, options?: ReadBlobOptions): Promise<Uint8Array> {
    this.#requireAllowed(digest);
    return await this.#parts.blobs.readBlob(digest, options);
  }

  /**
   * Opens the blob of a chunk that an opened index names, to be read piece by piece and closed.
   *
   * @throws {StoreError} `STORE_CHUNK_FORBIDDEN` for any other.
   * @throws {ChunkError} `CHUNK_MISSING`, `CHUNK_UNREADABLE`, also from reading it.
   */
  async openBlob(digest: Digest): Promise<StoredFile> {
    this.#requireAllowed(digest);
    return await this.#parts.blobs.openBlob(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock.release();
    await Promise.resolve();
  }

  #requireAllowed(digest: Digest): void {
    if (this.#allowed.sizeOf(fromHex(digest)) !== undefined) return;
    throw new StoreError("STORE_CHUNK_FORBIDDEN", `download chunk ${digest} not allowed`);
  }

  get #folder(): string {
    return snapshotPath(this.namespace, this.snapshot);
  }
}

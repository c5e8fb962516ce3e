import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ChunkUploadStats } from "../../format/manifest/manifest-summary.ts";
import {
  type ArchiveName,
  archiveKindOf,
  MANIFEST_NAME,
} from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { acceptChunk, acceptFileBlob } from "./accepted-blob.ts";
import { BaseSnapshot, type PreviousFile } from "./base-snapshot.ts";
import { type InsertResult } from "./blob-store.ts";
import { manifestPath, snapshotPath, STAGED_MANIFEST_FILE } from "./store-path.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { DynamicIndexWriter } from "./dynamic-index-writer.ts";
import { FixedIndexWriter } from "./fixed-index-writer.ts";
import { addUploads, type IndexClose, type IndexReport, NO_UPLOADS } from "./index-report.ts";
import { uuidOfRandom } from "./index-writer.ts";
import { KnownChunks } from "./known-chunks.ts";
import { publishSnapshot } from "./publish-snapshot.ts";
import { type SessionClaims } from "./session-claims.ts";
import { SessionWriters, type WriterKind } from "./session-writers.ts";
import { type Durability } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** One uploaded chunk. */
export interface ChunkUpload {
  readonly writer: WriterKind;
  readonly writerId: number;
  readonly digest: Digest;
  /** Bytes of plaintext, as the client announced it. */
  readonly size: number;
  /** Owned: exactly the announced bytes of the blob. */
  readonly body: Uint8Array;
}

/** A begun backup, with the locks it holds. */
export interface BackupClaim {
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  readonly base: SnapshotId | undefined;
  readonly claims: SessionClaims;
}

/**
 * One backup being made: everything that a session of the writer protocol changes (spec backup-protocol.md §3, §4).
 *
 * Made by `beginBackup`. Calls may overlap; those of one writer take effect in the order in which they are made. The snapshot is
 * invisible until {@link finish} has published it (W3); whoever does not finish must {@link abort}. An index can only
 * name chunks that were uploaded here or are in an index that {@link openPrevious} opened, and chunks become known
 * only once they are stored (W1).
 */
export class BackupTarget implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  /** The snapshot whose chunks may be referenced again; locked against removal. */
  readonly base: SnapshotId | undefined;
  readonly #parts: DatastoreParts;
  readonly #base: BaseSnapshot;
  readonly #claims: SessionClaims;
  readonly #known: KnownChunks;
  readonly #writers = new SessionWriters();
  readonly #running = new Set<Promise<unknown>>();
  readonly #archives = new Set<ArchiveName>();
  #state: "active" | "finishing" | "finished" | "aborted" = "active";
  #finishing: Promise<void> | undefined;
  #fileCount = 0;
  #stats: ChunkUploadStats = NO_UPLOADS;

  constructor(parts: DatastoreParts, claim: BackupClaim) {
    this.namespace = claim.namespace;
    this.snapshot = claim.snapshot;
    this.base = claim.base;
    this.#parts = parts;
    this.#base = new BaseSnapshot(parts, claim);
    this.#claims = claim.claims;
    this.#known = new KnownChunks(
      new DataView(parts.codec.randomBytes(4).slice().buffer).getUint32(0),
    );
    parts.live.addSession(this.#known);
  }

  /** Where the session stands. */
  get state(): "active" | "finishing" | "finished" | "aborted" {
    return this.#state;
  }

  /** Path of the snapshot's folder with that of the datastore, for logs. */
  get path(): string {
    return `${this.#parts.backend.location}/${this.#folder}`;
  }

  /** Begins a `.didx` file; gives the id of its writer (spec backup-protocol.md §4.1). */
  async createDynamicWriter(archive: ArchiveName): Promise<number> {
    return await this.#tracked(async () => {
      const file = await this.#stage(archive, "dynamic");
      return this.#writers.add(
        new DynamicIndexWriter(archive, file, this.#stamp(), this.#parts.codec),
      );
    });
  }

  /**
   * Begins a `.fidx` file; gives the id of its writer (spec backup-protocol.md §4.2).
   *
   * @param options `size` of the image in bytes, unless it comes from a pipe; `reuseCsum` starts from the base
   *   snapshot's index of that name, which must have this checksum.
   */
  async createFixedWriter(
    archive: ArchiveName,
    options: { readonly size?: number; readonly reuseCsum?: string },
  ): Promise<number> {
    return await this.#tracked(async () => {
      const { size, reuseCsum: csum } = options;
      const reused =
        csum === undefined ? undefined : await this.#base.reusableIndex(archive, { size, csum });
      const file = await this.#stage(archive, "fixed");
      const plan = { size, reused };
      const { codec } = this.#parts;
      const writer = new FixedIndexWriter(archive, file, { stamp: this.#stamp(), plan, codec });
      try {
        await writer.begin(plan);
      } catch (error) {
        await writer[Symbol.asyncDispose]();
        throw error;
      }
      return this.#writers.add(writer);
    });
  }

  /**
   * Verifies and stores a chunk; only then may an index name it (spec backup-protocol.md §4.3).
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`.
   * @throws {FormatError} When the body is not the chunk that it should be.
   */
  async uploadChunk(upload: ChunkUpload): Promise<InsertResult> {
    return await this.#tracked(async () => {
      const writer = this.#writers.require(upload.writer, upload.writerId);
      const { blobs, verifier } = this.#parts;
      const result = await blobs.insert(await acceptChunk(upload, verifier));
      writer.checkUpload(upload.size);
      const stats = {
        count: 1,
        size: upload.size,
        compressedSize: upload.body.length,
        duplicates: result.isDuplicate ? 1 : 0,
      };
      writer.countUpload(stats);
      this.#stats = addUploads(this.#stats, stats);
      this.#known.add(upload.digest, upload.size);
      return result;
    });
  }

  /**
   * Puts chunks into an archive, one after another; those before a refused one stay (spec backup-protocol.md §4.4, §4.5).
   *
   * @param offsets Archive offset of each chunk's first byte.
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`.
   */
  async append(
    kind: WriterKind,
    writerId: number,
    digests: readonly Digest[],
    offsets: readonly number[],
  ): Promise<void> {
    await this.#inWriterTurn(writerId, async () => {
      if (digests.length !== offsets.length) {
        throw refused(`offset list has wrong length (${offsets.length} != ${digests.length})`);
      }
      const writer = this.#writers.require(kind, writerId);
      for (let i = 0; i < digests.length; i++) {
        const digest = fromHex(digests[i] ?? "");
        const size = this.#known.sizeOf(digest);
        if (size === undefined) throw refused(`no such chunk ${digests[i] ?? ""}`);
        await writer.append(digest, offsets[i] ?? 0, size);
      }
    });
  }

  /**
   * Completes an index (spec backup-protocol.md §4.6, §4.7).
   *
   * A writer whose close fails is of no use any more, and keeps the session from finishing.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` when the claim does not fit what was appended.
   */
  async close(kind: WriterKind, writerId: number, claim: IndexClose): Promise<IndexReport> {
    return await this.#inWriterTurn(writerId, async () => {
      const durability = this.#fileDurability;
      const { archive } = this.#writers.require(kind, writerId);
      const report = await this.#writers.close(kind, writerId, { claim, durability });
      this.#parts.live.notePublished(`${this.#folder}/${archive}`);
      this.#fileCount += 1;
      return report;
    });
  }

  /**
   * Stores a small file; one of that name is replaced. The manifest waits under another name for {@link finish}.
   *
   * @param body Owned.
   * @throws {FormatError} When it is not a sound blob.
   */
  async writeBlob(archive: ArchiveName, body: Uint8Array): Promise<void> {
    await this.#tracked(async () => {
      if (archiveKindOf(archive) !== "blob")
        throw refused(`wrong blob file extension: '${archive}'`);
      const blob = acceptFileBlob(body, archive, this.#parts.codec);
      const name = archive === MANIFEST_NAME ? STAGED_MANIFEST_FILE : archive;
      await this.#parts.backend.writeFile(`${this.#folder}/${name}`, blob.bytes, {
        onExisting: "replace",
        durability: this.#fileDurability,
      });
      this.#stats = addUploads(this.#stats, { ...NO_UPLOADS, size: body.length });
      this.#fileCount += 1;
    });
  }

  /**
   * Opens a file of the base snapshot; the chunks of an index become known (spec backup-protocol.md §4.9).
   *
   * @throws {StoreError} `STORE_NO_BASE`; `STORE_FILE_MISSING` for a blob that is not there.
   */
  async openPrevious(archive: ArchiveName): Promise<PreviousFile> {
    return await this.#tracked(async () => await this.#base.openFile(archive, this.#known));
  }

  /**
   * Checks, makes everything durable, and publishes the snapshot; all locks are free before it returns (spec
   * backup-protocol.md §4.12).
   *
   * After a failed check the session goes on; after a success nothing but disposal is allowed.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED`, `STORE_SNAPSHOT_MISSING` when the base is gone.
   */
  async finish(): Promise<void> {
    this.#assertActive();
    this.#finishing = this.#finish();
    await this.#finishing;
  }

  /** Gives the backup up: removes its folder, keeps its chunks for collection, frees the locks. Nothing after a success. */
  async abort(): Promise<void> {
    // A connection can break while finish is at work: what it comes to counts.
    if (this.#state === "finishing") await this.#finishing?.catch(() => undefined);
    if (this.#state === "finished" || this.#state === "aborted") return;
    this.#state = "aborted";
    try {
      await Promise.allSettled(this.#running);
      await this.#writers.discard();
      // The manifest goes first: what is left by a crash in between is unfinished, never half a snapshot.
      await this.#parts.backend.removeFile(manifestPath(this.namespace, this.snapshot));
      await this.#parts.backend.removeFolder(this.#folder);
    } finally {
      await this.#releaseClaims();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  get #folder(): string {
    return snapshotPath(this.namespace, this.snapshot);
  }

  /** With level `filesystem`, one sync at the end covers all files; `none` covers none. */
  get #fileDurability(): Durability {
    return this.#parts.syncLevel === "file" ? "synced" : "none";
  }

  async #finish(): Promise<void> {
    this.#state = "finishing";
    try {
      await Promise.allSettled(this.#running);
      await this.#checkComplete();
      await publishSnapshot(this.#parts, this, this.#stats);
    } catch (error) {
      this.#state = "active";
      throw error;
    }
    this.#state = "finished";
    await this.#releaseClaims();
  }

  async #releaseClaims(): Promise<void> {
    this.#parts.live.removeSession(this.#known);
    await this.#claims.release();
  }

  async #checkComplete(): Promise<void> {
    if (this.#writers.count > 0) throw refused("found open index writer - unable to finish backup");
    if (this.#fileCount === 0) {
      throw refused("backup does not contain valid files (file count == 0)");
    }
    await this.#base.assertPresent();
  }

  async #stage(
    archive: ArchiveName,
    kind: WriterKind,
  ): ReturnType<DatastoreParts["backend"]["stageFile"]> {
    if (archiveKindOf(archive) !== kind) throw refused(`wrong archive extension: '${archive}'`);
    if (this.#archives.has(archive)) throw refused(`archive '${archive}' exists already`);
    this.#writers.requireRoom();
    this.#archives.add(archive);
    return await this.#parts.backend.stageFile(`${this.#folder}/${archive}`);
  }

  #stamp(): { uuid: Uint8Array; createdAtSec: bigint } {
    const { clock, codec } = this.#parts;
    return { uuid: uuidOfRandom(codec.randomBytes(16)), createdAtSec: BigInt(clock.nowSec()) };
  }

  async #inWriterTurn<T>(id: number, step: () => Promise<T>): Promise<T> {
    return await this.#tracked(async () => await this.#writers.inTurn(id, step));
  }

  /** Runs an operation of an active session; ending the session waits for it. */
  async #tracked<T>(operation: () => Promise<T>): Promise<T> {
    this.#assertActive();
    const running = operation();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #assertActive(): void {
    switch (this.#state) {
      case "active":
        return;
      case "finishing":
        throw over("backup is already in the process of finishing.");
      case "finished":
        throw over("backup already marked as finished.");
      case "aborted":
        throw over("backup was given up");
    }
  }
}

function refused(detail: string): StoreError {
  return new StoreError("STORE_UPLOAD_REFUSED", detail);
}

function over(detail: string): StoreError {
  return new StoreError("STORE_SESSION_OVER", detail);
}

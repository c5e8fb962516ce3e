import { createHash, type Hash } from "node:crypto";

import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { encodeDynamicEntry } from "../../format/index/dynamic-index.ts";
import { type ChunkUploads, type NewChunk, type SendChunk } from "./chunk-uploads.ts";

/** Entries in one append: well below the 64 KiB that a request body may have (spec backup-protocol.md §2.6). */
const APPEND_ENTRIES_MAX = 128;

/** Entries worth an append while more may come. */
const APPEND_ENTRIES_MIN = 64;

/** New chunks of one archive that are not acknowledged; beyond, {@link ArchiveUpload.add} makes the caller wait. */
const NEW_CHUNKS_MAX = 32;

/** Entries of one archive that are not appended; beyond, {@link ArchiveUpload.add} makes the caller wait. */
const ENTRIES_MAX = 4096;

/** The next piece of an archive: a chunk that the session knows, or one to upload. */
export type ArchiveEntry = { readonly digest: Digest; readonly size: number } | NewChunk;

/** The requests that one open index of a session answers. */
export interface ArchiveWriter {
  readonly kind: "dynamic" | "fixed";
  /** Uploads an encoded chunk. */
  readonly sendChunk: SendChunk;
  /** Appends chunks that the server has, with the archive offsets at which they start. */
  append(digests: readonly Digest[], offsets: readonly number[]): Promise<void>;
  /** Closes the index; the server compares all three. */
  close(chunkCount: number, size: number, csum: string): Promise<void>;
}

/** What was sent for one archive, and what did not have to be. */
export interface ArchiveUploadStats {
  /** Chunks that were sent. */
  readonly uploadedCount: number;
  /** Their plaintext in bytes. */
  readonly uploadedBytes: number;
  /** The same as it went over the wire, in bytes. */
  readonly uploadedEncodedBytes: number;
  /** Chunks that the server had. */
  readonly reusedCount: number;
  /** Their plaintext in bytes. */
  readonly reusedBytes: number;
}

/** A closed archive, with what the manifest says about it. */
export interface ArchiveUploadResult {
  /** Checksum of the index: 64 hexadecimal digits. */
  readonly csum: string;
  /** Bytes of the archive. */
  readonly size: number;
  readonly chunkCount: number;
  readonly stats: ArchiveUploadStats;
}

/** An entry that is not appended yet. */
interface Pending {
  readonly digest: Digest;
  readonly offset: number;
  isStored: boolean;
}

/**
 * One archive on its way to the server, as its chunks in stream order.
 *
 * Chunks are uploaded in parallel and appended in order; an append is sent only after the server has acknowledged every
 * chunk in it, and only one append is under way (spec backup-protocol.md §4.4, §10). Memory: at most
 * {@link NEW_CHUNKS_MAX} blobs and {@link ENTRIES_MAX} entries of some hundred bytes. After the first failure every
 * call fails with it.
 *
 * An image that the server began as a copy of the previous index gets all its chunks here too, but only those that differ
 * are appended (spec index.md §6.3).
 */
export class ArchiveUpload {
  readonly #writer: ArchiveWriter;
  readonly #uploads: ChunkUploads;
  readonly #base: ChunkIndex | undefined;
  readonly #csum: Hash = createHash("sha256");
  readonly #pending: Pending[] = [];
  readonly #waiters: (() => void)[] = [];
  #size = 0;
  #chunkCount = 0;
  #appendedCount = 0;
  #newCount = 0;
  #isAppending = false;
  #isClosing = false;
  #failure: { readonly error: unknown } | undefined;
  #uploadedCount = 0;
  #uploadedBytes = 0;
  #uploadedEncodedBytes = 0;

  /**
   * Begins with an empty archive.
   *
   * @param base The index that the server copied into this one, whose chunks the session knows.
   */
  constructor(writer: ArchiveWriter, uploads: ChunkUploads, base?: ChunkIndex) {
    this.#writer = writer;
    this.#uploads = uploads;
    this.#base = base;
  }

  /** Bytes of the archive so far: the offset of the next chunk. */
  get size(): number {
    return this.#size;
  }

  /** Whether a chunk can be added without its blob. */
  isKnown(digest: Digest): boolean {
    return this.#uploads.has(digest);
  }

  /**
   * Adds the next chunk of the archive; calls must not overlap.
   *
   * A new chunk that the session has after all is not sent; its `onSettled` is called nevertheless.
   *
   * @returns Resolves when there is room for the next one, not when this one is stored.
   */
  async add(entry: ArchiveEntry): Promise<void> {
    this.#throwIfFailed();
    if (this.#isClosing) throw new TypeError("the archive is closed");
    const { digest, size } = entry;
    const pending: Pending = { digest, offset: this.#size, isStored: false };
    const isInPlace = !("blob" in entry) && this.#isInBase(digest);
    this.#size += size;
    this.#chunkCount += 1;
    this.#csum.update(
      this.#writer.kind === "dynamic" ? encodeDynamicEntry(this.#size, digest) : fromHex(digest),
    );
    if (isInPlace) return;
    this.#appendedCount += 1;
    this.#pending.push(pending);
    void this.#store(entry, pending);
    await this.#until(() => this.#newCount < NEW_CHUNKS_MAX && this.#pending.length < ENTRIES_MAX);
  }

  /**
   * Waits for everything that was added and closes the index.
   *
   * @throws {ApiError} when the server has counted or summed differently, among others.
   */
  async close(): Promise<ArchiveUploadResult> {
    this.#isClosing = true;
    this.#pump();
    await this.#until(() => this.#pending.length === 0 && !this.#isAppending);
    const csum = this.#csum.digest("hex");
    await this.#writer.close(this.#appendedCount, this.#size, csum);
    return {
      csum,
      size: this.#size,
      chunkCount: this.#chunkCount,
      stats: {
        uploadedCount: this.#uploadedCount,
        uploadedBytes: this.#uploadedBytes,
        uploadedEncodedBytes: this.#uploadedEncodedBytes,
        reusedCount: this.#chunkCount - this.#uploadedCount,
        reusedBytes: this.#size - this.#uploadedBytes,
      },
    };
  }

  /** Whether the next place of the index holds this chunk from the beginning. */
  #isInBase(digest: Digest): boolean {
    const base = this.#base;
    return (
      base !== undefined &&
      this.#chunkCount < base.count &&
      base.digestAt(this.#chunkCount) === digest
    );
  }

  async #store(entry: ArchiveEntry, pending: Pending): Promise<void> {
    try {
      if ("blob" in entry) {
        this.#newCount += 1;
        const sentBytes = await this.#uploads
          .store(entry, this.#writer.sendChunk)
          .finally(() => (this.#newCount -= 1));
        if (sentBytes > 0) {
          this.#uploadedCount += 1;
          this.#uploadedBytes += entry.size;
          this.#uploadedEncodedBytes += sentBytes;
        }
      } else {
        await this.#uploads.settled(entry.digest);
      }
      pending.isStored = true;
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#pump();
  }

  /** Starts an append if there is something to append, and wakes whoever waits. */
  #pump(): void {
    if (!this.#isAppending && !this.#failure) {
      const batch = this.#takeBatch();
      if (batch.length > 0) {
        this.#isAppending = true;
        void this.#append(batch);
      }
    }
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #takeBatch(): Pending[] {
    let count = 0;
    while (count < APPEND_ENTRIES_MAX && this.#pending[count]?.isStored === true) count += 1;
    const isWorth = count >= APPEND_ENTRIES_MIN || (this.#isClosing && count > 0);
    return isWorth ? this.#pending.splice(0, count) : [];
  }

  async #append(batch: readonly Pending[]): Promise<void> {
    try {
      await this.#writer.append(
        batch.map(({ digest }) => digest),
        batch.map(({ offset }) => offset),
      );
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#isAppending = false;
    this.#pump();
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      this.#throwIfFailed();
      if (condition()) return;
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
      });
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

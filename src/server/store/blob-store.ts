import { ChunkError } from "../../chunks/chunk-error.ts";
import { type BlobSource, type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type AcceptedChunk } from "./accepted-blob.ts";
import { blobKindOf, BLOB_MAGIC_BYTES } from "../../format/chunk/data-blob.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import { type LiveChunks } from "./live-chunks.ts";
import {
  type ChunkEntry,
  type ChunkObjects,
  type ChunkStat,
  type StoredFile,
} from "./store-backend.ts";
import { StoreError } from "./store-error.ts";
import { type SyncLevel } from "./sync-level.ts";

/** What became of an inserted chunk. */
export interface InsertResult {
  /** Whether the chunk was there already, so that the upload was not needed. */
  readonly isDuplicate: boolean;
  /** Bytes of the blob that is stored now. */
  readonly storedBytes: number;
}

/**
 * The chunks of a datastore.
 *
 * Two encodings of one chunk may compete for its name; which one stays is decided by the table of spec
 * datastore.md §4. Steps on one digest happen one after another, so collection may rely on {@link withChunk}; different
 * digests go in parallel. An acknowledged chunk is on the medium if the sync level is `file` (W1).
 */
export class BlobStore implements BlobSource {
  readonly #chunks: ChunkObjects;
  readonly #syncLevel: SyncLevel;
  readonly #live: LiveChunks;
  readonly #turns = new KeyedTurns<Digest>();

  constructor(
    chunks: ChunkObjects,
    options: { readonly syncLevel: SyncLevel; readonly live: LiveChunks },
  ) {
    this.#chunks = chunks;
    this.#syncLevel = options.syncLevel;
    this.#live = options.live;
  }

  /**
   * Stores an accepted chunk, or marks the stored one as used.
   *
   * @throws {StoreError} `STORE_UPLOAD_REFUSED` when an encrypted chunk would take the place of a plain one.
   */
  async insert(chunk: AcceptedChunk): Promise<InsertResult> {
    return await this.#turns.run(chunk.digest, async () => {
      const result = await this.#insert(chunk);
      this.#live.noteUsed(chunk.digest); // Inside the turn, so that a running collection sees it before it decides.
      return result;
    });
  }

  /** Marks a chunk as used now, so that collection keeps it; `false` when it is not there. */
  async touch(digest: Digest): Promise<boolean> {
    return await this.#turns.run(digest, async () => {
      const isThere = await this.#chunks.touchChunk(digest);
      if (isThere) this.#live.noteUsed(digest);
      return isThere;
    });
  }

  /** Size and time of last use, `undefined` when the chunk is not there. */
  async stat(digest: Digest): Promise<ChunkStat | undefined> {
    return await this.#chunks.statChunk(digest);
  }

  /** Whether the chunk is there; says nothing about its content. */
  async has(digest: Digest): Promise<boolean> {
    return (await this.#chunks.statChunk(digest)) !== undefined;
  }

  async readBlob(digest: Digest, options?: ReadBlobOptions): Promise<Uint8Array> {
    options?.signal?.throwIfAborted();
    const blob = await readable(digest, this.#chunks.readChunk(digest, options?.allocate));
    options?.signal?.throwIfAborted();
    if (!blob) throw new ChunkError("CHUNK_MISSING", digest);
    return blob;
  }

  /**
   * Opens the blob of one chunk, to be read piece by piece and closed; what goes wrong then fails like this.
   *
   * @throws {ChunkError} `CHUNK_MISSING`, `CHUNK_UNREADABLE`.
   */
  async openBlob(digest: Digest): Promise<StoredFile> {
    const file = await readable(digest, this.#chunks.openChunk(digest));
    if (!file) throw new ChunkError("CHUNK_MISSING", digest);
    return {
      size: file.size,
      readAt: async (offset, size) => await readable(digest, file.readAt(offset, size)),
      readInto: async (targets) => await readable(digest, file.readInto(targets)),
      [Symbol.asyncDispose]: async () => {
        await file[Symbol.asyncDispose]();
      },
    };
  }

  /** Every chunk object, good and bad, in the order of names' first four digits (spec datastore.md §4.5). */
  list(): AsyncIterable<ChunkEntry> {
    return this.#chunks.listChunks();
  }

  /** Sets a corrupt chunk aside, so that the next backup uploads it again; `false` when it is gone (spec datastore.md §8.3). */
  async setAside(digest: Digest): Promise<boolean> {
    return await this.#turns.run(digest, async () => await this.#chunks.setChunkAside(digest));
  }

  /** Digest of the stored bytes that was recorded with a chunk; `undefined` when none was. */
  async readSeal(digest: Digest): Promise<Uint8Array | undefined> {
    return await this.#chunks.readSeal(digest);
  }

  /**
   * Records the digest of stored bytes that were looked at just now, unless others took their place or there is a record.
   *
   * @param blob What was looked at, borrowed.
   * @returns `false` when nothing was recorded, as on storage that cannot.
   */
  async seal(digest: Digest, blob: Uint8Array, seal: Uint8Array): Promise<boolean> {
    return await this.#turns.run(digest, async () => {
      if (await this.#chunks.readSeal(digest)) return true;
      const now = await this.#chunks.readChunk(digest);
      if (!now || Buffer.compare(now, blob) !== 0) return false;
      return await this.#chunks.sealChunk(digest, seal);
    });
  }

  /**
   * Sets a chunk aside if it is still bad: an upload may have healed it since somebody looked.
   *
   * @param isSound Judges the blob as it lies there now.
   * @returns `false` when it is gone or sound.
   */
  async setAsideIfBad(
    digest: Digest,
    isSound: (blob: Uint8Array) => Promise<boolean>,
  ): Promise<boolean> {
    return await this.#turns.run(digest, async () => {
      const blob = await this.#chunks.readChunk(digest);
      if (!blob || (await isSound(blob))) return false;
      return await this.#chunks.setChunkAside(digest);
    });
  }

  /**
   * Runs `step` while nothing else changes the objects of one digest; collection decides and removes inside (W4).
   *
   * @param step Gets the storage; must not call this store again for the same digest.
   */
  async withChunk<T>(digest: Digest, step: (chunks: ChunkObjects) => Promise<T>): Promise<T> {
    return await this.#turns.run(digest, async () => await step(this.#chunks));
  }

  async #insert(chunk: AcceptedChunk): Promise<InsertResult> {
    const old = await this.#chunks.statChunk(chunk.digest);
    if (old && (await this.#keepsOld(chunk, old))) {
      // A duplicate counts as used from now on: that protects it from collection running beside us (spec datastore.md §4).
      if (await this.#chunks.touchChunk(chunk.digest)) {
        return { isDuplicate: true, storedBytes: old.size };
      }
    }
    const durability = this.#syncLevel === "file" ? "synced" : "none";
    await this.#chunks.writeChunk(chunk.digest, chunk.bytes, durability);
    // A crash before this leaves a chunk without a seal, which the first verification makes up for.
    if (chunk.seal) await this.#chunks.sealChunk(chunk.digest, chunk.seal);
    return { isDuplicate: false, storedBytes: chunk.bytes.length };
  }

  /** Decides between the stored blob and the new one; a plain one is proven, an encrypted one never is. */
  async #keepsOld(chunk: AcceptedChunk, old: ChunkStat): Promise<boolean> {
    if (old.size === 0) return false;
    if (chunk.kind.isEncrypted && old.size === chunk.bytes.length) return true;
    const head = await this.#chunks.readChunkHead(chunk.digest, BLOB_MAGIC_BYTES);
    const oldKind = head && blobKindOf(head);
    if (!oldKind) return false; // What is there is no blob at all: the upload heals it.
    // Under the digest of a plaintext nothing encrypted can be right: somebody put it there to be in the way. The official
    // server compares lengths alone here, and would keep it (spec datastore.md §4).
    if (!chunk.kind.isEncrypted) return !oldKind.isEncrypted && old.size <= chunk.bytes.length;
    if (!oldKind.isEncrypted) {
      throw new StoreError(
        "STORE_UPLOAD_REFUSED",
        `Overwriting unencrypted chunk ${chunk.digest} by encrypted one is not allowed!`,
      );
    }
    if (!oldKind.isCompressed && !chunk.kind.isCompressed) {
      throw new StoreError(
        "STORE_UPLOAD_REFUSED",
        `Overwriting chunk ${chunk.digest} by an encrypted, uncompressed one of another size is not allowed!`,
      );
    }
    return true;
  }
}

async function readable<T>(digest: Digest, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    throw new ChunkError("CHUNK_UNREADABLE", digest, { cause });
  }
}

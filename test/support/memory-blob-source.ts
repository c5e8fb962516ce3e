import { type BlobSource, type ReadOptions } from "../../src/chunks/blob-source.ts";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { type Digest } from "../../src/format/chunk/digest.ts";

/** Blobs in a map, and a record of what was read. */
export class MemoryBlobSource implements BlobSource {
  /** Digests asked for, in order. */
  readonly reads: Digest[] = [];
  readonly #blobs: ReadonlyMap<Digest, Uint8Array>;

  constructor(blobs: ReadonlyMap<Digest, Uint8Array>) {
    this.#blobs = blobs;
  }

  async readBlob(digest: Digest, options?: ReadOptions): Promise<Uint8Array> {
    this.reads.push(digest);
    await Promise.resolve();
    options?.signal?.throwIfAborted();
    const blob = this.#blobs.get(digest);
    if (!blob) throw new ChunkError("CHUNK_MISSING", digest);
    return blob.slice();
  }
}

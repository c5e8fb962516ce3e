import { type ReadOptions } from "../../src/chunks/blob-source.ts";
import { ChunkError } from "../../src/chunks/chunk-error.ts";
import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { chunkDigest, type Digest } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";

/** Plaintext in a map, and a record of what was read. */
export class MemoryChunkSource implements ChunkSource {
  /** Digests asked for, in order. */
  readonly reads: Digest[] = [];
  /** Most reads that were running at the same time. */
  runningMax = 0;
  readonly #chunks = new Map<Digest, Uint8Array>();
  #running = 0;

  /** Puts a chunk in; a digest can be forced, to have a source that lies. */
  add(plain: Uint8Array, digest: Digest = chunkDigest(createNativeProvider(), plain)): Digest {
    this.#chunks.set(digest, plain);
    return digest;
  }

  async readChunk(digest: Digest, options?: ReadOptions): Promise<Uint8Array> {
    this.reads.push(digest);
    this.#running += 1;
    this.runningMax = Math.max(this.runningMax, this.#running);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      options?.signal?.throwIfAborted();
      const plain = this.#chunks.get(digest);
      if (!plain) throw new ChunkError("CHUNK_MISSING", digest);
      return plain;
    } finally {
      this.#running -= 1;
    }
  }
}

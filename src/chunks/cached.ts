import { LRUCache } from "lru-cache";
import { type Digest } from "../format/chunk/digest.ts";
import { type ChunkSource } from "./chunk-source.ts";

/**
 * Keeps the most recently read chunks, up to `bytesMax` of plaintext.
 *
 * Hands the same bytes to every reader. Does not join overlapping reads of one chunk (that is `coalesced`, inside) and
 * does not remember failures. A chunk longer than `bytesMax` is passed on and not kept.
 */
export function cached(inner: ChunkSource, options: { readonly bytesMax: number }): ChunkSource {
  const chunks = new LRUCache<Digest, Uint8Array>({
    maxSize: options.bytesMax,
    sizeCalculation: (plain) => Math.max(1, plain.length),
  });
  return {
    async readChunk(digest, readOptions) {
      readOptions?.signal?.throwIfAborted();
      const kept = chunks.get(digest);
      if (kept) return kept;
      const plain = await inner.readChunk(digest, readOptions);
      chunks.set(digest, plain);
      return plain;
    },
  };
}

import { type BlobSource } from "../chunks/blob-source.ts";
import { ChunkError } from "../chunks/chunk-error.ts";
import { type ChunkSource } from "../chunks/chunk-source.ts";
import { type DiskCache } from "./disk-cache.ts";

/** What {@link diskCached} puts together. */
export interface DiskCachedParts {
  /** Where blobs come from that are not kept. */
  readonly blobs: BlobSource;
  readonly cache: DiskCache;
  /** The one way from blobs to proven chunks; must leave the blob's bytes as they are. */
  readonly prove: (blobs: BlobSource) => ChunkSource;
}

/**
 * Reads chunks through a cache on disk that keeps the blobs of what was read.
 *
 * A kept blob is proven like one that comes off the wire: one that is damaged is dropped and read from the source again.
 * Only proven blobs are kept. Keeping happens behind the reader's back.
 */
export function diskCached({ blobs, cache, prove }: DiskCachedParts): ChunkSource {
  return {
    async readChunk(digest, options) {
      const kept = await cache.read(digest);
      if (kept) {
        try {
          return await prove(only(kept)).readChunk(digest, options);
        } catch (error) {
          if (!(error instanceof ChunkError && error.code === "CHUNK_CORRUPT")) throw error;
          await cache.drop(digest);
        }
      }
      const blob = await blobs.readBlob(digest, options);
      const chunk = await prove(only(blob)).readChunk(digest, options);
      void cache.store(digest, blob);
      return chunk;
    },
  };
}

function only(blob: Uint8Array): BlobSource {
  return { readBlob: async () => await Promise.resolve(blob) };
}

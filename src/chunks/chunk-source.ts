import { type Digest } from "../format/chunk/digest.ts";
import { type ReadOptions } from "./blob-source.ts";

/** Options of reading one chunk. */
export interface ReadChunkOptions extends ReadOptions {
  /**
   * Bytes of the chunk, for a reader that gives the memory back: the chunk may then lie in a `RegionPool`.
   *
   * Without it the memory is the reader's for good.
   */
  readonly loanBytes?: number | undefined;
}

/**
 * Plaintext, already proven to be what was asked for.
 *
 * Calls may overlap. The result is immutable and may be shared with other callers; it may lie in shared memory.
 * Fails with `ChunkError`.
 */
export interface ChunkSource {
  /** Reads one chunk. */
  readChunk(digest: Digest, options?: ReadChunkOptions): Promise<Uint8Array>;
}

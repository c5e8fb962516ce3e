import { type Digest } from "../format/chunk/digest.ts";
import { type ReadOptions } from "./blob-source.ts";

/**
 * Plaintext, already proven to be what was asked for.
 *
 * Calls may overlap. The result is immutable and may be shared with other callers; it may lie in shared memory.
 * Fails with `ChunkError`.
 */
export interface ChunkSource {
  /** Reads one chunk. */
  readChunk(digest: Digest, options?: ReadOptions): Promise<Uint8Array>;
}

import { type Digest } from "../format/chunk/digest.ts";

/** Options of one read. */
export interface ReadOptions {
  /** Ends the wait with the signal's reason; the read behind it may go on for others. */
  readonly signal?: AbortSignal;
}

/**
 * Stored bytes: a data blob as it lies on disk or comes off the wire. Promises nothing about its content.
 *
 * Calls may overlap. The result is owned and never changed afterwards. Fails with `ChunkError` `CHUNK_MISSING` or
 * `CHUNK_UNREADABLE`. Checked by `test/contract/blob-source.contract.ts`.
 */
export interface BlobSource {
  /** Reads the blob of one chunk. */
  readBlob(digest: Digest, options?: ReadOptions): Promise<Uint8Array>;
}

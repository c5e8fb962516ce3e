import { type Digest } from "../format/chunk/digest.ts";

/** Options of one read. */
export interface ReadOptions {
  /** Ends the wait with the signal's reason; the read behind it may go on for others. */
  readonly signal?: AbortSignal;
}

/** Options of reading one blob. */
export interface ReadBlobOptions extends ReadOptions {
  /**
   * Offers memory for the blob; called at most once, when bytes are about to come.
   *
   * The result of the read then starts where that memory does, unless it was too small: then it lies elsewhere. Once the
   * read has settled nothing more is written. A source that has its bytes already does not call it.
   *
   * @param size Bytes of the blob, if known.
   */
  readonly allocate?: ((size: number | undefined) => Uint8Array | undefined) | undefined;
}

/**
 * Stored bytes: a data blob as it lies on disk or comes off the wire. Promises nothing about its content.
 *
 * Calls may overlap. The result is owned and never changed afterwards. Fails with `ChunkError` `CHUNK_MISSING` or
 * `CHUNK_UNREADABLE`. Checked by `test/contract/blob-source.contract.ts`.
 */
export interface BlobSource {
  /** Reads the blob of one chunk. */
  readBlob(digest: Digest, options?: ReadBlobOptions): Promise<Uint8Array>;
}

/** Where the bytes given to a chunker lie. */
export interface ChunkContext {
  /** Stream offset of the first byte of the current chunk. */
  readonly base: number;
  /** Bytes of the current chunk that are in memory; those given to the chunker are the last of them. */
  readonly total: number;
}

/** Says where a stream is cut into chunks; gets every byte of the stream once, in order. */
export interface Chunker {
  /**
   * Looks at the next bytes of the stream.
   *
   * After a cut the chunker stands at the start of the next chunk and has not seen the bytes behind the cut:
   * pass them again.
   *
   * @param bytes Borrowed for the call.
   * @returns Count of `bytes` up to and including the last byte of the chunk, or 0 when the chunk goes on.
   */
  scan(bytes: Uint8Array, context: ChunkContext): number;
  /** Forgets the current chunk: the next byte starts one. */
  reset(): void;
}

/** Options of one read. */
export interface ReadAtOptions {
  /** Ends the read with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Random access to bytes that may be far away.
 *
 * Calls may overlap. Fails with `ChunkError` when a part cannot be had.
 */
export interface ByteSource {
  /** Total bytes. */
  readonly size: number;
  /**
   * Reads `size` bytes from `offset` on; fewer only where the source ends, none behind its end.
   *
   * @returns Owned bytes.
   */
  readAt(offset: number, size: number, options?: ReadAtOptions): Promise<Uint8Array>;
}

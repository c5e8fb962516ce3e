/** A stretch of bytes that are not all zeros. */
export interface DataRun {
  /** Offsets in the bytes that were looked at. */
  readonly start: number;
  readonly end: number;
}

/** Longest block that {@link dataRuns} looks at as one. */
export const RUN_BLOCK_BYTES_MAX: number = 64 * 1024;

const ZEROS: Uint8Array = new Uint8Array(RUN_BLOCK_BYTES_MAX);

/**
 * What is left of a piece of a file when blocks of zeros are left out: runs as long as possible, in order.
 *
 * Blocks are aligned in the file, not in the piece, so the first and last of a piece may be cut.
 *
 * @param piece Borrowed.
 * @param options `offset`: where in the file the piece lies; `blockBytes`: at most {@link RUN_BLOCK_BYTES_MAX}.
 */
export function* dataRuns(
  piece: Uint8Array,
  { offset, blockBytes }: { readonly offset: number; readonly blockBytes: number },
): Generator<DataRun, void, void> {
  let start = 0;
  let blockEnd = blockBytes - (offset % blockBytes);
  for (let at = 0; at < piece.length; at = blockEnd, blockEnd += blockBytes) {
    const end = Math.min(blockEnd, piece.length);
    if (!isZero(piece, at, end)) continue;
    if (at > start) yield { start, end: at };
    start = end;
  }
  if (start < piece.length) yield { start, end: piece.length };
}

/** For at most {@link RUN_BLOCK_BYTES_MAX} bytes. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  // Nearly every block of data is recognised by one of a few bytes, without a call.
  const probe =
    (bytes[start] ?? 0) |
    (bytes[(start + end) >>> 1] ?? 0) |
    (bytes[start + ((end - start) >>> 2)] ?? 0) |
    (bytes[end - 1] ?? 0);
  if (probe !== 0) return false;
  return Buffer.compare(bytes.subarray(start, end), ZEROS.subarray(0, end - start)) === 0;
}

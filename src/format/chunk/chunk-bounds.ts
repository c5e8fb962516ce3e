import assert from "node:assert/strict";

/** Bytes the rolling hash looks at (spec chunker.md §1). */
export const BUZHASH_WINDOW_BYTES = 64;

/** Everything about chunk lengths that follows from their average (spec chunker.md §1). */
export interface ChunkBounds {
  /** Shortest chunk in bytes, except the last of a stream. */
  readonly minBytes: number;
  /** Longest chunk in bytes. */
  readonly maxBytes: number;
  /** Bits of the hash that count. */
  readonly mask: number;
  /** A cut is where `hash & mask` is at least this. */
  readonly limit: number;
}

/** Derives the bounds; the average is a power of two from 512 bytes to 64 MiB. */
export function chunkBounds(averageBytes: number): ChunkBounds {
  assert(
    averageBytes >= 512 && averageBytes <= 2 ** 26 && Number.isInteger(Math.log2(averageBytes)),
    `average chunk length ${averageBytes} is not a power of two from 512 to 2^26`,
  );
  const mask = 2 * averageBytes - 1;
  return { minBytes: averageBytes / 4, maxBytes: averageBytes * 4, mask, limit: mask - 2 };
}

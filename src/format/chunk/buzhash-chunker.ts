import { BUZHASH_TABLE } from "./buzhash-table.ts";
import { BUZHASH_WINDOW_BYTES, chunkBounds, type ChunkBounds } from "./chunk-bounds.ts";
import { type Chunker } from "./chunker.ts";

/**
 * Content-defined chunker: a cut depends on the 64 bytes before it, so an insertion moves only the cuts near it.
 *
 * The hash is a cyclic polynomial (buzhash): for each byte it is rotated by one bit, and the table values of the entering
 * and the leaving byte are XORed in. The leaving value would have to be rotated by 64, the identity for 32 bits.
 * A chunk ends at the first position from `minBytes` on where the low bits of the hash are at least `limit`, and at
 * `maxBytes` in any case. Older bytes cancel out exactly, so nothing before the window of the first such position
 * needs hashing. Cuts do not depend on how the stream is split into blocks (spec chunker.md §2, §3).
 *
 * This is the reference in JavaScript; `BuzhashWasm` finds the same cuts in WASM memory, faster.
 */
export class BuzhashChunker implements Chunker {
  readonly #bounds: ChunkBounds;
  readonly #table = Int32Array.from(BUZHASH_TABLE);
  /** The last 64 bytes of the chunk, oldest first; what the chunk does not have yet is meaningless. */
  readonly #tail = new Uint8Array(BUZHASH_WINDOW_BYTES);
  #hash = 0;
  /** Bytes of the current chunk so far. */
  #size = 0;

  /** Starts at the beginning of a stream; `averageBytes` as in {@link chunkBounds}. */
  constructor(options: { readonly averageBytes: number }) {
    this.#bounds = chunkBounds(options.averageBytes);
  }

  reset(): void {
    this.#hash = 0;
    this.#size = 0;
  }

  scan(bytes: Uint8Array): number {
    const { maxBytes } = this.#bounds;
    const to = Math.min(bytes.length, maxBytes - this.#size);
    const cut = this.#findCut(bytes, to);
    if (cut > 0 || this.#size + to === maxBytes) {
      this.reset();
      return cut > 0 ? cut : to;
    }
    this.#remember(bytes);
    this.#size += to;
    return 0;
  }

  /** Position in `bytes` behind the first cut that the hash makes, or 0. */
  #findCut(bytes: Uint8Array, to: number): number {
    const from = this.#fillWindow(bytes);
    const split = Math.min(to, Math.max(from, BUZHASH_WINDOW_BYTES));
    const { mask, limit } = this.#bounds;
    const table = this.#table;
    let hash = this.#hash;
    for (let i = from; i < split; i++) {
      const values = (table[this.#tail[i] ?? 0] ?? 0) ^ (table[bytes[i] ?? 0] ?? 0);
      hash = ((hash << 1) | (hash >>> 31)) ^ values;
      if ((hash & mask) >= limit) return i + 1;
    }
    // The same loop again, because a choice of two arrays inside it would cost a third of the speed.
    for (let i = split; i < to; i++) {
      const values =
        (table[bytes[i - BUZHASH_WINDOW_BYTES] ?? 0] ?? 0) ^ (table[bytes[i] ?? 0] ?? 0);
      hash = ((hash << 1) | (hash >>> 31)) ^ values;
      if ((hash & mask) >= limit) return i + 1;
    }
    this.#hash = hash;
    return 0;
  }

  /** Hashes the 64 bytes before the first possible cut, without tests; returns the position after them. */
  #fillWindow(bytes: Uint8Array): number {
    const windowEnd = Math.max(0, this.#bounds.minBytes - 1 - this.#size);
    const to = Math.min(bytes.length, windowEnd);
    let hash = this.#hash;
    for (let i = Math.max(0, windowEnd - BUZHASH_WINDOW_BYTES); i < to; i++) {
      hash = ((hash << 1) | (hash >>> 31)) ^ (this.#table[bytes[i] ?? 0] ?? 0);
    }
    this.#hash = hash;
    return to;
  }

  /** Keeps the bytes that will leave the window during the next call. */
  #remember(bytes: Uint8Array): void {
    const size = Math.min(bytes.length, BUZHASH_WINDOW_BYTES);
    this.#tail.copyWithin(0, size);
    this.#tail.set(bytes.subarray(bytes.length - size), BUZHASH_WINDOW_BYTES - size);
  }
}

import { BuzhashChunker } from "./buzhash-chunker.ts";
import { chunkBounds } from "./chunk-bounds.ts";
import { type ChunkContext, type Chunker } from "./chunker.ts";
import { SuggestedBoundaries } from "./suggested-boundaries.ts";

/**
 * Chunker of payload streams: cuts where a file starts if that was suggested in time, else as {@link BuzhashChunker}.
 *
 * Where it cuts depends on how much of the stream is in memory at each call and on when suggestions come; nothing
 * relies on cuts being reproducible there. A suggestion exactly where the last call ended is missed, as in the
 * reference (spec chunker.md §4).
 */
export class PayloadChunker implements Chunker {
  readonly #inner: BuzhashChunker;
  readonly #suggested: SuggestedBoundaries;

  /** Starts at the beginning of a stream; `averageBytes` as in {@link chunkBounds}. */
  constructor(options: { readonly averageBytes: number }) {
    this.#inner = new BuzhashChunker(options);
    this.#suggested = new SuggestedBoundaries(chunkBounds(options.averageBytes));
  }

  /** Announces that a file's payload header will be at this stream offset. */
  suggestBoundary(offset: number): void {
    this.#suggested.suggest(offset);
  }

  reset(): void {
    this.#inner.reset();
  }

  scan(bytes: Uint8Array, context: ChunkContext): number {
    const scanned = context.total - bytes.length;
    const size = this.#suggested.takeSize({ base: context.base, scanned, size: context.total });
    if (size === undefined || size === scanned) return this.#inner.scan(bytes);
    this.#inner.reset();
    return size - scanned;
  }
}

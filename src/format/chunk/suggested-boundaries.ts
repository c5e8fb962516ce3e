import { type ChunkBounds } from "./chunk-bounds.ts";

/** State of the current chunk when a cut is looked for. */
export interface ChunkProgress {
  /** Stream offset of the chunk's first byte. */
  readonly base: number;
  /** Bytes of the chunk that were looked at before. */
  readonly scanned: number;
  /** Bytes of the chunk that are in memory. */
  readonly size: number;
}

/**
 * Stream offsets at which a chunk should rather end, because a file starts there (spec chunker.md §4).
 *
 * Suggestions are taken in the order in which they came. One that lies in the past or would make the chunk
 * too short is dropped; one that would make it too long is kept for the chunk after.
 */
export class SuggestedBoundaries {
  readonly #bounds: ChunkBounds;
  readonly #queue: number[] = [];
  /** First suggestion in the queue that is not done with; older ones are removed in batches. */
  #next = 0;

  /** Starts without suggestions. */
  constructor(bounds: ChunkBounds) {
    this.#bounds = bounds;
  }

  /** Adds a suggestion. */
  suggest(offset: number): void {
    this.#queue.push(offset);
  }

  /**
   * Size that the current chunk should have, at least `scanned` and at most `size`; `undefined` when no suggestion
   * falls there, so that the hash decides.
   */
  takeSize(chunk: ChunkProgress): number | undefined {
    for (;;) {
      const suggestion = this.#queue[this.#next];
      if (suggestion === undefined || suggestion > chunk.base + chunk.size) return undefined;
      const size = suggestion - chunk.base;
      if (size > this.#bounds.maxBytes) return undefined;
      this.#drop();
      if (size >= chunk.scanned && size >= this.#bounds.minBytes) return size;
    }
  }

  #drop(): void {
    this.#next++;
    if (this.#next === 1024 || this.#next === this.#queue.length) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
  }
}

import { type ChunkIndex } from "../format/index/chunk-index.ts";

/** Readers of one archive that are told apart. */
const STREAMS_MAX = 8;

/** Chunks fetched ahead of one reader at most. */
const CHUNKS_MAX = 16;

interface Stream {
  next: number;
  /** Chunks to have under way ahead of it. */
  window: number;
  /** Archive offset where the thing that it read last ends. */
  end: number;
  /** How many of them may lie behind the end of what it reads; grows with each thing that followed another. */
  behindEnd: number;
}

/**
 * Decides which chunks to fetch before they are asked for.
 *
 * Goes by chunks, not by files: who copies many small files reads the archive front to back just like who reads one
 * large one. A reader that goes on to the next chunk gets twice as many ahead as before, up to a bound in
 * bytes; whoever jumps gets none. Behind the end of a file one chunk is wanted, and more for a reader who has
 * gone on from file to file before.
 */
export class ReadAhead {
  readonly #index: ChunkIndex;
  readonly #bytesMax: number;
  readonly #streams: Stream[] = [];

  /** Starts without a reader; at most `bytesMax` bytes are wanted ahead of one. */
  constructor(index: ChunkIndex, bytesMax: number) {
    this.#index = index;
    this.#bytesMax = bytesMax;
  }

  /**
   * Notes that chunk `i` is being read and says how far to fetch: chunks behind `i` and before the result.
   *
   * @param end Archive offset where the thing that is being read ends.
   * @param isStart Whether the thing is read from its start, which makes reading on likely.
   */
  touch(i: number, end: number, isStart: boolean): number {
    const stream = this.#streamAt(i, end, isStart);
    let stop = i + 1;
    let bytes = 0;
    while (stop < this.#index.count && stop <= i + stream.window) {
      if (this.#index.startOf(stop) >= end && stop > i + Math.max(1, stream.behindEnd)) break;
      bytes += this.#index.endOf(stop) - this.#index.startOf(stop);
      if (bytes > this.#bytesMax) break;
      stop++;
    }
    return stop;
  }

  #streamAt(i: number, end: number, isStart: boolean): Stream {
    const streams = this.#streams;
    const place = streams.findIndex(({ next }) => next === i || next === i + 1);
    const known = streams[place];
    if (!known) {
      const stream = { next: i + 1, window: isStart ? 1 : 0, end, behindEnd: 0 };
      streams.unshift(stream);
      if (streams.length > STREAMS_MAX) streams.pop();
      return stream;
    }
    if (known.next === i) {
      known.next = i + 1;
      known.window = Math.min(CHUNKS_MAX, Math.max(1, known.window * 2));
      if (known.end !== end) {
        known.end = end;
        known.behindEnd = Math.min(CHUNKS_MAX, Math.max(1, known.behindEnd * 2));
      }
    }
    if (place > 0) {
      streams.splice(place, 1);
      streams.unshift(known);
    }
    return known;
  }
}

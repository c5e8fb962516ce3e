/**
 * Bytes of one piece: long enough that handing over many costs little, short enough to stay in the processor's cache. Four hold
 * the blob of a chunk of 4 MiB that could not be compressed, with its header.
 */
export const PIECE_BYTES: number = 1024 * 1024 + 4096;

/** How much memory there is. */
export interface PieceMemoryOptions {
  /** Bytes that may be lent at one time. */
  readonly lentBytesMax: number;
  /** Bytes that are kept for the next loan while nobody uses them. */
  readonly keptBytesMax: number;
}

/** Where one session gets memory from. */
export interface PieceShare {
  /** Lends memory for `size` bytes, or nothing when there is not enough; nobody is made to wait. */
  tryTake(size: number): PieceLoan | undefined;
}

/** Memory for one answer. */
export interface PieceLoan {
  /** Together exactly as long as was asked for, all but the last {@link PIECE_BYTES}; with whatever was in them last. */
  readonly pieces: readonly Uint8Array[];
  /**
   * Lets the memory of a piece, or of a part of one, be used again, by whoever vouches for it that nobody refers to it
   * any more. Does nothing the second time, or when the loan has ended.
   */
  readonly giveBack: (piece: Uint8Array) => void;
  /** Ends the loan; pieces that were not given back are never used again, but left to the garbage collector. */
  readonly end: () => void;
}

/**
 * Memory for answers that is used again and again, in pieces of equal length.
 *
 * Reading a stored chunk into memory that was used before costs no page faults and leaves nothing to the garbage
 * collector, which takes every new buffer for growth and looks at the whole heap for it (bench/results.md). Because all
 * pieces are equally long, whatever is kept fits whatever is asked for.
 */
export class PieceMemory {
  readonly #lentMax: number;
  readonly #keptMax: number;
  /** The one given back last at the end: its bytes may still be in the processor's cache. */
  readonly #kept: ArrayBuffer[] = [];
  #lent = 0;

  /** Starts without any memory. */
  constructor(options: PieceMemoryOptions) {
    this.#lentMax = Math.floor(options.lentBytesMax / PIECE_BYTES);
    this.#keptMax = Math.floor(options.keptBytesMax / PIECE_BYTES);
  }

  /** Bytes that somebody has on loan. */
  get lentBytes(): number {
    return this.#lent * PIECE_BYTES;
  }

  /** Bytes that are kept and not in use. */
  get keptBytes(): number {
    return this.#kept.length * PIECE_BYTES;
  }

  /** A part of this memory, so that a session whose client reads slowly does not hold all of it. */
  share(options: { readonly bytesMax: number }): PieceShare {
    const countMax = Math.floor(options.bytesMax / PIECE_BYTES);
    let count = 0;
    return {
      tryTake: (size) => {
        const wanted = Math.ceil(size / PIECE_BYTES);
        if (count + wanted > countMax || this.#lent + wanted > this.#lentMax) return undefined;
        count += wanted;
        return this.#lend(size, () => {
          count -= 1;
        });
      },
    };
  }

  #lend(size: number, onReturn: () => void): PieceLoan {
    const pieces: Uint8Array[] = [];
    const out = new Set<ArrayBufferLike>();
    for (let done = 0; done < size; done += PIECE_BYTES) {
      const buffer = this.#kept.pop() ?? new ArrayBuffer(PIECE_BYTES);
      pieces.push(new Uint8Array(buffer, 0, Math.min(PIECE_BYTES, size - done)));
      out.add(buffer);
    }
    this.#lent += pieces.length;
    const take = (buffer: ArrayBufferLike): boolean => {
      if (!out.delete(buffer)) return false;
      this.#lent -= 1;
      onReturn();
      return true;
    };
    return {
      pieces,
      giveBack: ({ buffer }) => {
        if (!take(buffer) || !(buffer instanceof ArrayBuffer)) return;
        if (this.#kept.length < this.#keptMax) this.#kept.push(buffer);
      },
      end: () => {
        for (const buffer of out) take(buffer);
      },
    };
  }
}

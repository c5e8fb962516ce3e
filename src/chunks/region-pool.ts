import assert from "node:assert/strict";

/** Regions start and end at multiples of this: a page, so that none shares one with another. */
const GRAIN_BYTES = 4096;

interface Gap {
  start: number;
  end: number;
}

/**
 * A fixed piece of shared memory that is lent out in regions of any length and used again and again.
 *
 * For plaintext that crosses threads: memory that is used again costs no page faults, and how much there is does not depend
 * on when garbage is collected. Regions are taken and given back in one thread, the one that made the pool; their bytes
 * can be used in any. Low addresses are taken first, so a pool that is rarely full touches little memory.
 *
 * Whoever gives a region back vouches for it that no thread reads or writes it any more.
 */
export class RegionPool {
  readonly #memory: SharedArrayBuffer;
  /** Free stretches by address; no two touch. */
  readonly #gaps: Gap[];
  /** End of each region that is taken, by its start. */
  readonly #taken = new Map<number, number>();

  /** Makes a pool; memory is used only as far as regions are written. */
  constructor(options: { readonly bytes: number }) {
    const bytes = roundUp(options.bytes);
    this.#memory = new SharedArrayBuffer(bytes);
    this.#gaps = [{ start: 0, end: bytes }];
  }

  /** Bytes that nobody holds, in one stretch or several. */
  get freeBytes(): number {
    return this.#gaps.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /**
   * Takes a region of at least `size` bytes, `size` > 0.
   *
   * @returns Exactly `size` bytes with whatever was in them last, or `undefined` when there is no stretch of that length.
   */
  tryTake(size: number): Uint8Array | undefined {
    assert(size > 0);
    const wanted = roundUp(size);
    const place = this.#gaps.findIndex(({ start, end }) => end - start >= wanted);
    const gap = this.#gaps[place];
    if (!gap) return undefined;
    const { start } = gap;
    gap.start += wanted;
    if (gap.start === gap.end) this.#gaps.splice(place, 1);
    this.#taken.set(start, start + wanted);
    return new Uint8Array(this.#memory, start, size);
  }

  /**
   * A number that stands for the region in which bytes lie, for {@link giveBack}; plain data, can cross threads.
   *
   * @param bytes A view whose first byte is on the first page of the region.
   * @returns `undefined` for bytes that are of no region of this pool.
   */
  loanOf(bytes: Uint8Array): number | undefined {
    if (bytes.buffer !== this.#memory) return undefined;
    const start = bytes.byteOffset - (bytes.byteOffset % GRAIN_BYTES);
    return this.#taken.has(start) ? start : undefined;
  }

  /** Makes a region free again; its bytes may be overwritten from now on. */
  giveBack(loan: number): void {
    const end = this.#taken.get(loan);
    assert(end !== undefined, `no region starts at ${loan}`);
    this.#taken.delete(loan);
    const next = this.#gaps.findIndex(({ start }) => start > loan);
    const place = next < 0 ? this.#gaps.length : next;
    const before = this.#gaps[place - 1];
    const after = this.#gaps[place];
    const joinsBefore = before?.end === loan;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#gaps.splice(place, 1);
    } else if (joinsBefore) before.end = end;
    else if (joinsAfter) after.start = loan;
    else this.#gaps.splice(place, 0, { start: loan, end });
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / GRAIN_BYTES) * GRAIN_BYTES;
}

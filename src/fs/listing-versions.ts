import { type Clock } from "../format/clock.ts";
import { type AnswerMemory, type RememberedAnswers } from "./answer-memory.ts";
import { FsError } from "./fs-error.ts";
import { type FsNeed, isOfListing } from "./fs-need.ts";

/** The part of an {@link AnswerMemory} that listings are made with. */
export type ListingMemory = Pick<AnswerMemory, "get" | "prefetch">;

interface MadeFrom {
  readonly need: FsNeed;
  readonly value: unknown;
}

interface Version {
  /** What the listing that was handed out was made from; `undefined` once that is known to be out of date. */
  readonly madeFrom: readonly MadeFrom[] | undefined;
  /** When it was noticed that there is another listing than before, in ms since the epoch; `undefined` until then. */
  readonly changedMs: number | undefined;
}

/**
 * Notices when a directory that follows the datastore has other entries than those that were handed out.
 *
 * The kernel keeps listings as long as a directory's modification time stays the same, so that has to change with them.
 * What a listing is made from is compared, not the listing: the memory keeps one object for answers that are equal.
 */
export class ListingVersions {
  readonly #memory: AnswerMemory;
  readonly #clock: Clock;
  readonly #versions = new Map<number, Version>();

  /** Starts without any listing. */
  constructor(memory: AnswerMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
  }

  /** Makes the listing of a directory that is about to be handed out; restartable. */
  make<Listing>(ino: number, list: (memory: ListingMemory) => Listing): Listing {
    const memory = this.#memory;
    const madeFrom: MadeFrom[] = [];
    const listing = list({
      get: <Need extends FsNeed>(need: Need): RememberedAnswers[Need["kind"]] => {
        const value = memory.get(need);
        if (isOfListing(need)) madeFrom.push({ need, value });
        return value;
      },
      prefetch: (need) => {
        memory.prefetch(need);
      },
    });
    const known = this.#versions.get(ino);
    if (!known || !areSame(known.madeFrom, madeFrom)) {
      const isNews = known?.madeFrom !== undefined;
      const changedMs = isNews ? this.#clock.nowMs() : known?.changedMs;
      this.#versions.set(ino, { madeFrom, changedMs });
    }
    return listing;
  }

  /** When the listing of a directory last changed, as far as that has been noticed, in ms since the epoch. */
  changedMs(ino: number): number | undefined {
    return this.#versions.get(ino)?.changedMs;
  }

  /**
   * The same after a look whether the listing that was handed out still holds; restartable.
   *
   * What cannot be asked now counts as unchanged.
   */
  reviewedChangedMs(ino: number): number | undefined {
    const known = this.#versions.get(ino);
    if (!known?.madeFrom || this.#holds(known.madeFrom)) return known?.changedMs;
    const changedMs = this.#clock.nowMs();
    this.#versions.set(ino, { madeFrom: undefined, changedMs });
    return changedMs;
  }

  /** Forgets a directory that the kernel has forgotten. */
  forget(ino: number): void {
    this.#versions.delete(ino);
  }

  #holds(madeFrom: readonly MadeFrom[]): boolean {
    try {
      return madeFrom.every(({ need, value }) => this.#memory.get(need) === value);
    } catch (error) {
      if (error instanceof FsError) return true;
      throw error;
    }
  }
}

function areSame(known: readonly MadeFrom[] | undefined, now: readonly MadeFrom[]): boolean {
  return known?.length === now.length && known.every(({ value }, i) => value === now[i]?.value);
}

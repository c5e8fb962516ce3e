import { type AnswerMemory, type RememberedAnswers } from "./answer-memory.ts";
import { type FsNeed, isOfListing } from "./fs-need.ts";

/** The part of an {@link AnswerMemory} that listings are made with. */
export type ListingMemory = Pick<AnswerMemory, "get" | "prefetch">;

interface MadeFrom {
  readonly need: FsNeed;
  readonly value: unknown;
}

interface Version {
  /** What the listing that was handed out was made from; `undefined` once that may be out of date. */
  readonly madeFrom: readonly MadeFrom[] | undefined;
  readonly number: number;
}

/** Numbers start over here: they are shown as nanoseconds. */
const NUMBERS = 1_000_000_000;

/**
 * Numbers the listings of directories that follow the datastore: as long as the number of one stays the same, what was handed out
 * still holds.
 *
 * The kernel keeps listings as long as a directory's modification time stays the same, which this number is part of. It changes
 * as soon as the answers that a listing was made from are too old, without asking anybody: a look at attributes is no reason to
 * trouble the server, and whoever wants the listing asks for it then.
 */
export class ListingVersions {
  readonly #memory: AnswerMemory;
  readonly #versions = new Map<number, Version>();
  /** The last number that was given to any directory, so that one that was forgotten comes back with another number. */
  #last = 0;

  /** Starts without any listing. */
  constructor(memory: AnswerMemory) {
    this.#memory = memory;
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
    const isNews = known?.madeFrom !== undefined && !areSame(known.madeFrom, madeFrom);
    const number = isNews ? this.#next() : (known?.number ?? this.#last);
    this.#versions.set(ino, { madeFrom, number });
    return listing;
  }

  /** Number of the listing that the directory has now, or may have: below 10^9, asks nobody. */
  numberOf(ino: number): number {
    const known = this.#versions.get(ino);
    if (known && (!known.madeFrom || this.#holds(known.madeFrom))) return known.number;
    const number = known ? this.#next() : this.#last;
    this.#versions.set(ino, { madeFrom: undefined, number });
    return number;
  }

  /** Forgets a directory that the kernel has forgotten. */
  forget(ino: number): void {
    if (this.#versions.get(ino)?.madeFrom) this.#next();
    this.#versions.delete(ino);
  }

  #next(): number {
    this.#last = (this.#last + 1) % NUMBERS;
    return this.#last;
  }

  #holds(madeFrom: readonly MadeFrom[]): boolean {
    return madeFrom.every(({ need, value }) => this.#memory.fresh(need) === value);
  }
}

function areSame(known: readonly MadeFrom[], now: readonly MadeFrom[]): boolean {
  return known.length === now.length && known.every(({ value }, i) => value === now[i]?.value);
}

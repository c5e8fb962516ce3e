/** How values of one step become one. */
export type Consolidation = "AVERAGE" | "MAX";

/** One resolution: how long a step is and how many are kept. */
export interface Resolution {
  readonly stepSec: number;
  readonly count: number;
}

/** A day of minutes, a month of half hours, a year of quarter days, a decade of weeks. */
export const resolutions: readonly Resolution[] = [
  { stepSec: 60, count: 1440 },
  { stepSec: 1800, count: 1440 },
  { stepSec: 21_600, count: 1440 },
  { stepSec: 604_800, count: 570 },
];

/** A series as it is stored. Slots are numbers in base64, little-endian. */
export interface StoredSeries {
  readonly archives: readonly {
    readonly average: string;
    readonly maximum: string;
    readonly step: number;
    readonly sum: number;
    readonly count: number;
    readonly largest: number;
  }[];
}

/**
 * One series of measurements at all {@link resolutions}, in a fixed amount of memory: old steps are overwritten.
 *
 * A step holds average and maximum of what was measured in it; the last one counts as soon as something was. Steps
 * without a measurement are unknown.
 */
export class RoundRobin {
  readonly #archives: readonly Archive[];

  private constructor(archives: readonly Archive[]) {
    this.#archives = archives;
  }

  /** A series without a measurement. */
  static empty(): RoundRobin {
    return new RoundRobin(resolutions.map((resolution) => new Archive(resolution)));
  }

  /** A series as {@link store} gave it; `undefined` when it has another form. */
  static restore({ archives }: StoredSeries): RoundRobin | undefined {
    if (archives.length !== resolutions.length) return undefined;
    const restored: Archive[] = [];
    for (const [index, resolution] of resolutions.entries()) {
      const archive = new Archive(resolution);
      const stored = archives[index];
      if (!stored || !archive.restore(stored)) return undefined;
      restored.push(archive);
    }
    return new RoundRobin(restored);
  }

  /** Adds a measurement; one that is older than the last step is left out. */
  add(timeSec: number, value: number): void {
    for (const archive of this.#archives) archive.add(timeSec, value);
  }

  /**
   * The steps that end with the one of `endSec`, oldest first.
   *
   * @param stepSec One of {@link resolutions}; anything else is a mistake of the caller.
   */
  read(
    endSec: number,
    { stepSec, count }: Resolution,
    consolidation: Consolidation,
  ): readonly (number | undefined)[] {
    const archive = this.#archives.find((each) => each.resolution.stepSec === stepSec);
    if (!archive) throw new RangeError(`no resolution of ${stepSec} s`);
    const last = Math.floor(endSec / stepSec);
    return Array.from({ length: count }, (_, index) =>
      archive.at(last - count + 1 + index, consolidation),
    );
  }

  /** The series for {@link restore}. */
  store(): StoredSeries {
    return { archives: this.#archives.map((archive) => archive.store()) };
  }
}

/** One resolution of a series. Slot `step mod count` belongs to a step, counted from the epoch. */
class Archive {
  readonly resolution: Resolution;
  #average: Float64Array;
  #maximum: Float64Array;
  #step = -1;
  #sum = 0;
  #count = 0;
  #largest = 0;

  constructor(resolution: Resolution) {
    this.resolution = resolution;
    this.#average = new Float64Array(resolution.count).fill(Number.NaN);
    this.#maximum = new Float64Array(resolution.count).fill(Number.NaN);
  }

  add(timeSec: number, value: number): void {
    const { stepSec, count } = this.resolution;
    const step = Math.floor(timeSec / stepSec);
    if (step < this.#step) return;
    if (step > this.#step) {
      const skipped = this.#step < 0 ? count : Math.min(count, step - this.#step);
      for (let i = 0; i < skipped; i++) {
        this.#average[(step - i) % count] = Number.NaN;
        this.#maximum[(step - i) % count] = Number.NaN;
      }
      this.#step = step;
      this.#sum = 0;
      this.#count = 0;
      this.#largest = value;
    }
    this.#sum += value;
    this.#count += 1;
    this.#largest = Math.max(this.#largest, value);
    this.#average[step % count] = this.#sum / this.#count;
    this.#maximum[step % count] = this.#largest;
  }

  at(step: number, consolidation: Consolidation): number | undefined {
    const { count } = this.resolution;
    if (step > this.#step || step <= this.#step - count || step < 0) return undefined;
    const slots = consolidation === "MAX" ? this.#maximum : this.#average;
    const value = slots[step % count] ?? Number.NaN;
    return Number.isNaN(value) ? undefined : value;
  }

  store(): StoredSeries["archives"][number] {
    return {
      average: base64Of(this.#average),
      maximum: base64Of(this.#maximum),
      step: this.#step,
      sum: this.#sum,
      count: this.#count,
      largest: this.#largest,
    };
  }

  restore(stored: StoredSeries["archives"][number]): boolean {
    const average = slotsOf(stored.average);
    const maximum = slotsOf(stored.maximum);
    const { count } = this.resolution;
    if (average.length !== count || maximum.length !== count) return false;
    this.#average = average;
    this.#maximum = maximum;
    this.#step = stored.step;
    this.#sum = stored.sum;
    this.#count = stored.count;
    this.#largest = stored.largest;
    return true;
  }
}

function base64Of(slots: Float64Array): string {
  return Buffer.from(slots.buffer, slots.byteOffset, slots.byteLength).toString("base64");
}

function slotsOf(text: string): Float64Array {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  return bytes.length % 8 === 0 ? new Float64Array(bytes.buffer) : new Float64Array(0);
}

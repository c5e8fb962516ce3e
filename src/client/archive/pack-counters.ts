const FIELDS = ["entries", "files", "readBytes", "reusedFiles", "reusedBytes"] as const;

/** What a packing thread has done so far. */
export type PackCounts = Readonly<Record<(typeof FIELDS)[number], number>>;

/**
 * Counters of a packing thread in shared memory: it adds to them per file, others look at them when they please.
 *
 * A reader may see counters of different moments.
 */
export class PackCounters {
  /** For the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #values: Float64Array;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 * FIELDS.length)) {
    this.memory = memory;
    this.#values = new Float64Array(memory);
  }

  /** Adds to a counter; only the packing thread does. */
  add(field: (typeof FIELDS)[number], amount: number): void {
    const at = FIELDS.indexOf(field);
    this.#values[at] = (this.#values[at] ?? 0) + amount;
  }

  /** Counts at this moment. */
  read(): PackCounts {
    const [entries = 0, files = 0, readBytes = 0, reusedFiles = 0, reusedBytes = 0] = this.#values;
    return { entries, files, readBytes, reusedFiles, reusedBytes };
  }
}

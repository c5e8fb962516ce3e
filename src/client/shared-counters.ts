/**
 * Counters of one thread in shared memory: it adds to them as it goes, others look at them when they please.
 *
 * A reader may see counters of different moments.
 */
export class SharedCounters<Field extends string> {
  /** For the other thread, which makes counters of the same fields over it. */
  readonly memory: SharedArrayBuffer;
  readonly #fields: readonly Field[];
  readonly #values: Float64Array;

  constructor(fields: readonly Field[], memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(8 * fields.length);
    this.#fields = fields;
    this.#values = new Float64Array(this.memory);
  }

  /** Adds to a counter; only one thread may. */
  add(field: Field, amount: number): void {
    const at = this.#fields.indexOf(field);
    this.#values[at] = (this.#values[at] ?? 0) + amount;
  }

  /** The value of a counter at this moment. */
  read(field: Field): number {
    return this.#values[this.#fields.indexOf(field)] ?? 0;
  }
}

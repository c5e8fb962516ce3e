/** What {@link Admission} works with. */
export interface AdmissionOptions<Item> {
  readonly admit: (item: Item) => void;
  /** Milliseconds that never go back. */
  readonly nowMs: () => number;
  /** Calls back at the end of the current turn of the event loop: `setImmediate`. */
  readonly atTurnEnd: (callback: () => void) => void;
}

/** Connections that are let in at once after a while without any: 25 ms of handshakes. */
const BURST_MAX = 32;

/** Milliseconds in which one more may come in: a fifth of the thread is for handshakes then, of 0.8 ms each. */
const MS_EACH = 4;

/**
 * Lets connections in one after another: one in each turn of the event loop, and more while there were few.
 *
 * By time and not by turns alone: in a turn that took long since the machine is busy, many are due. Somebody who connects again
 * and again without end makes every turn longer by one handshake, and no more.
 */
export class Admission<Item> {
  readonly #options: AdmissionOptions<Item>;
  readonly #waiting: Item[] = [];
  #due = BURST_MAX;
  #countedAtMs: number;

  /** Starts with nobody waiting. */
  constructor(options: AdmissionOptions<Item>) {
    this.#options = options;
    this.#countedAtMs = options.nowMs();
  }

  /** Lets one in when it is its turn, at the end of this turn of the event loop at the soonest. */
  add(item: Item): void {
    if (this.#waiting.push(item) === 1) this.#goOn();
  }

  #goOn(): void {
    this.#options.atTurnEnd(() => {
      const nowMs = this.#options.nowMs();
      this.#due = Math.min(BURST_MAX, this.#due + (nowMs - this.#countedAtMs) / MS_EACH);
      this.#countedAtMs = nowMs;
      const admitted = this.#waiting.splice(0, Math.max(1, Math.floor(this.#due)));
      this.#due = Math.max(0, this.#due - admitted.length);
      if (this.#waiting.length > 0) this.#goOn();
      for (const item of admitted) this.#options.admit(item);
    });
  }
}

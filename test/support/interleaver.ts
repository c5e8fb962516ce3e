import { setImmediate } from "node:timers/promises";

/** Repeatable chance: mulberry32 (T. Ettinger, public domain). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0, less than `end`, whole. */
  below(end: number): number {
    return Math.floor(this.#fraction() * end);
  }

  /** Whether something of that probability happens. */
  happens(probability: number): boolean {
    return this.#fraction() < probability;
  }

  /** One of several. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  #fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let value = this.#state;
    value = Math.imul(value ^ (value >>> 15), value | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}

/**
 * Lets asynchronous actors take turns at the points where they call {@link step}, in an order that only the seed decides.
 *
 * Between two turns everything else runs until nothing can go on without a turn, so a run can be repeated.
 */
export class Interleaver {
  readonly #chance: Chance;
  /** How often the actor that came last goes on: long runs of one actor find other faults than fair turns. */
  readonly #burst: number;
  #waiting: (() => void)[] = [];
  #turnCount = 0;
  #life = 0;

  constructor(chance: Chance, burst: number) {
    this.#chance = chance;
    this.#burst = burst;
  }

  /** Turns given so far. */
  get turnCount(): number {
    return this.#turnCount;
  }

  /** Which process runs now, counted from 0: everybody belongs to the one that ran when they began. */
  get life(): number {
    return this.#life;
  }

  /** Waits for a turn, for ever if the process is gone. */
  async step(life: number): Promise<void> {
    await new Promise<void>((resolve) => {
      if (life === this.#life) this.#waiting.push(resolve);
    });
  }

  /** Ends a process: nobody of it gets a turn any more, neither who waits for one now nor who waits for the event loop. */
  crash(): void {
    this.#waiting = [];
    this.#life++;
  }

  /**
   * Gives turns until all actors have ended.
   *
   * @param beforeTurn Called before every turn; `stop` ends the run there.
   */
  async run(
    actors: readonly Promise<unknown>[],
    beforeTurn: () => "go on" | "stop",
  ): Promise<void> {
    let running = actors.length;
    let failure: { readonly error: unknown } | undefined;
    for (const actor of actors) {
      actor.then(
        () => running--,
        (error: unknown) => (failure ??= { error }),
      );
    }
    for (;;) {
      await setImmediate();
      if (failure) throw failure.error;
      if (running === 0) return;
      if (this.#waiting.length === 0) continue; // Somebody waits for the event loop or for a timer.
      if (beforeTurn() === "stop") return;
      const last = this.#waiting.length - 1;
      const at = this.#chance.happens(this.#burst) ? last : this.#chance.below(last + 1);
      const [next] = this.#waiting.splice(at, 1);
      this.#turnCount++;
      next?.();
    }
  }
}

import { type Clock } from "../../src/format/clock.ts";

/** A clock that stands still until it is told to move. */
export class FakeClock implements Clock {
  #ms: number;

  constructor(startSec = 1_700_000_000) {
    this.#ms = startSec * 1000;
  }

  nowSec(): number {
    return Math.floor(this.#ms / 1000);
  }

  nowMs(): number {
    return this.#ms;
  }

  advance(seconds: number): void {
    this.#ms += seconds * 1000;
  }
}

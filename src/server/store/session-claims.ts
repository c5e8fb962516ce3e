import { type Lock } from "./lock-table.ts";
import { type ProcessGuard } from "./process-lock.ts";

/**
 * The locks that one operation holds, given back together, last taken first.
 *
 * Node 20 has no `AsyncDisposableStack`; this is the part of it that is needed.
 */
export class SessionClaims implements AsyncDisposable {
  readonly #held: (Lock | ProcessGuard)[] = [];

  /** Takes charge of a lock and passes it on. */
  add<Held extends Lock | ProcessGuard>(held: Held): Held {
    this.#held.push(held);
    return held;
  }

  /** Gives everything back; a second time does nothing. */
  async release(): Promise<void> {
    for (let held = this.#held.pop(); held; held = this.#held.pop()) await held.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

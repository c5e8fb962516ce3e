import { setTimeout as sleep } from "node:timers/promises";

import { isLoss, type ReconnectPolicy } from "./reader-session.ts";

/**
 * Makes attempts at reaching a server again while it is away, for the time that a policy gives.
 *
 * The time is that of the server, not of an attempt: it begins with the first failure that anybody has told of, and
 * once it is over each attempt fails at once, until one succeeds. A server that was never reached is not waited for.
 */
export class Patience {
  readonly #policy: ReconnectPolicy;
  readonly #stop = new AbortController();
  #wasReached = false;
  #lostAtMs: number | undefined;

  constructor(policy: ReconnectPolicy) {
    this.#policy = policy;
  }

  /** Notes that the server was just found to be away, or to be there. */
  note(isReached: boolean): void {
    if (isReached) {
      this.#wasReached = true;
      this.#lostAtMs = undefined;
    } else this.#lostAtMs ??= performance.now();
  }

  /**
   * Runs an attempt, and again after each loss until the time is over.
   *
   * @throws What the last attempt rejected with.
   */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const { delayMs, delayMsMax } = this.#policy;
    for (let pauseMs = delayMs; ; pauseMs = Math.min(2 * pauseMs, delayMsMax)) {
      try {
        const result = await attempt();
        this.note(true);
        return result;
      } catch (error) {
        const isLost = isLoss(error);
        // A refusal comes from a server that is there; any other failure says nothing about it.
        if (isLost) this.note(false);
        if (!isLost || !this.#wasReached || this.#remainingMs() <= 0) throw error;
      }
      const restMs = Math.max(0, Math.min(pauseMs, this.#remainingMs()));
      await sleep(restMs, undefined, { signal: this.#stop.signal });
    }
  }

  /** Ends all waiting. */
  stop(): void {
    this.#stop.abort();
  }

  #remainingMs(): number {
    if (this.#lostAtMs === undefined) return this.#policy.totalMs;
    return this.#lostAtMs + this.#policy.totalMs - performance.now();
  }
}

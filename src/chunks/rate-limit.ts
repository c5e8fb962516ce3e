import { setTimeout as sleep } from "node:timers/promises";

/** Longest time that a timer takes; a longer one would end at once. */
const SLEEP_MS_MAX = 2 ** 31 - 1;

/** How fast data may be transferred. */
export interface RateLimitOptions {
  readonly bytesPerSec: number;
  /** Bytes that may go at once after a pause. */
  readonly burstBytes: number;
  /** Monotonic time. */
  readonly nowMs: () => number;
  /** Ends waiting with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A token bucket: lets `bytesPerSec` pass on average. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  #available: number;
  #filledAtMs: number;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#available = options.burstBytes;
    this.#filledAtMs = options.nowMs();
  }

  /**
   * Waits until `size` more bytes may go; more than a burst at once makes the next ones wait longer.
   *
   * @param stop Ends this waiting with its reason, where the limit has no signal of its own.
   */
  async take(size: number, stop?: AbortSignal): Promise<void> {
    const { bytesPerSec, burstBytes, nowMs, signal = stop } = this.#options;
    const now = nowMs();
    const filled = this.#available + ((now - this.#filledAtMs) / 1000) * bytesPerSec;
    this.#available = Math.min(burstBytes, filled) - size;
    this.#filledAtMs = now;
    if (this.#available >= 0) return;
    const waitMs = (-this.#available / bytesPerSec) * 1000;
    try {
      for (let leftMs = waitMs; leftMs > 0; leftMs -= SLEEP_MS_MAX) {
        await sleep(Math.min(leftMs, SLEEP_MS_MAX), undefined, signal ? { signal } : {});
      }
    } catch (error) {
      this.#available += size; // It does not go: others need not wait for it.
      throw error;
    }
  }
}

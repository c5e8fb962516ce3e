import { type Ticker } from "../../src/server/jobs/every-minute.ts";

/** A ticker that ticks when a test says so. */
export class ManualTicker {
  #tick: (() => Promise<void>) | undefined;

  /** For the server. */
  readonly ticker: Ticker = (tick) => {
    this.#tick = tick;
    return {
      [Symbol.asyncDispose]: async () => {
        this.#tick = undefined;
        await Promise.resolve();
      },
    };
  };

  /** A full minute has come; returns when everything that is due has been started. */
  async tick(): Promise<void> {
    await this.#tick?.();
  }
}

import { bindLibc } from "../src/linux/libc.ts";

const CLOCK_THREAD_CPUTIME_ID = 3;

/** Turns shorter than this have nothing to do. */
const IDLE_MS = 0.2;

/** CPU time of the event loop's turns in this thread, from now until it is stopped. */
export class TurnMeter {
  readonly #turns: number[] = [];
  #isOn = true;

  constructor() {
    const clock = bindLibc("int clock_gettime(int clock, void *time)");
    const time = new BigInt64Array(new SharedArrayBuffer(16));
    const nowMs = (): number => {
      clock(CLOCK_THREAD_CPUTIME_ID, time);
      return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
    };
    let last = nowMs();
    const tick = (): void => {
      const now = nowMs();
      if (now - last > IDLE_MS) this.#turns.push(now - last);
      last = now;
      if (this.#isOn) setImmediate(tick);
    };
    setImmediate(tick);
  }

  /**
   * Milliseconds of the turn that a request meets which comes at a random busy moment: a quantile of turns weighted by their
   * length. Time in which the system gave the thread no core does not count, so a busy machine measures the same.
   */
  stop(): { readonly p50: number; readonly p99: number; readonly max: number } {
    this.#isOn = false;
    const turns = this.#turns.sort((a, b) => a - b);
    const total = turns.reduce((sum, turn) => sum + turn, 0);
    const quantile = (share: number): number => {
      let left = total * share;
      return turns.find((turn) => (left -= turn) <= 0) ?? 0;
    };
    return { p50: quantile(0.5), p99: quantile(0.99), max: turns.at(-1) ?? 0 };
  }
}

import { type Clock } from "../../format/clock.ts";

/** Calls something at each full minute until it is closed, never twice at once. */
export type Ticker = (tick: () => Promise<void>) => AsyncDisposable;

const MINUTE_MS = 60_000;

/**
 * A {@link Ticker} by timers and a clock; what it calls must not reject.
 *
 * A call that takes longer than a minute is followed by one for the minutes it took, at the next full one.
 */
export function everyMinute(clock: Clock): Ticker {
  return (tick) => {
    let running: Promise<void> = Promise.resolve();
    let timer: NodeJS.Timeout | undefined;
    let isClosed = false;
    const arm = (): void => {
      timer = setTimeout(
        () => {
          running = tick().finally(() => {
            if (!isClosed) arm();
          });
        },
        MINUTE_MS - (clock.nowMs() % MINUTE_MS),
      );
      timer.unref();
    };
    arm();
    return {
      [Symbol.asyncDispose]: async () => {
        isClosed = true;
        clearTimeout(timer);
        await running;
      },
    };
  };
}

/** A signal of its own, until it is disposed of. */
export interface JoinedSignal extends Disposable {
  readonly signal: AbortSignal;
  /** Whether the time limit ended it, not one of the given signals. */
  readonly isTimedOut: boolean;
}

/**
 * A signal that aborts with the first of some signals, with its reason, or when a time is over.
 *
 * In place of `AbortSignal.any` together with `AbortSignal.timeout`: in Node 20 a garbage collection can take a timeout that only a joined
 * signal refers to, which then never fires. Whoever made it disposes of it: that ends the timer and lets go of the given signals.
 * The timer alone keeps no process alive.
 *
 * @param signals Absent ones count as ones that never abort.
 * @param options `timeoutMs` in milliseconds; none when absent.
 */
export function abortOnAny(
  signals: readonly (AbortSignal | undefined)[],
  options: { readonly timeoutMs?: number } = {},
): JoinedSignal {
  const controller = new AbortController();
  const given = signals.filter((signal) => signal !== undefined);
  const onAbort = (): void => {
    controller.abort(given.find(({ aborted }) => aborted)?.reason);
    release();
  };
  let isTimedOut = false;
  const onTimeout = (): void => {
    isTimedOut = true;
    controller.abort(new DOMException("The operation took too long", "TimeoutError"));
    release();
  };
  const { timeoutMs } = options;
  const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs);
  timer?.unref();
  const release = (): void => {
    clearTimeout(timer);
    for (const signal of given) signal.removeEventListener("abort", onAbort);
  };
  for (const signal of given) signal.addEventListener("abort", onAbort);
  if (given.some(({ aborted }) => aborted)) onAbort();
  return {
    signal: controller.signal,
    get isTimedOut() {
      return isTimedOut;
    },
    [Symbol.dispose]: release,
  };
}

/** A signal that others abort, as long as it is not disposed. */
export interface JoinedSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Joins signals: the first one that is aborted aborts the result, with its reason.
 *
 * Unlike `AbortSignal.any` it holds on to itself: Node 20 keeps the sources there weakly, so that after a garbage collection an
 * abort may never arrive.
 */
export function joinSignals(signals: readonly AbortSignal[]): JoinedSignal {
  const joined = new AbortController();
  const disposers = signals.map((one) => {
    const forward = (): void => {
      joined.abort(one.reason);
    };
    if (one.aborted) forward();
    else one.addEventListener("abort", forward, { once: true });
    return () => {
      one.removeEventListener("abort", forward);
    };
  });
  return {
    signal: joined.signal,
    [Symbol.dispose]: () => {
      for (const dispose of disposers) dispose();
    },
  };
}

/**
 * Maps a stream with at most `limit` calls of `fn` running, yielding results in input order.
 *
 * Nothing is read from `source` beyond the `limit` in flight, so a slow consumer slows the producer.
 * Leaving the loop early aborts the signal given to `fn` and waits for what is still running.
 */
export async function* mapConcurrent<In, Out>(
  source: AsyncIterable<In> | Iterable<In>,
  limit: number,
  fn: (item: In, signal: AbortSignal) => Promise<Out>,
): AsyncGenerator<Out, void, void> {
  const stop = new AbortController();
  const running: Promise<Out>[] = [];
  try {
    for await (const item of source) {
      const task = fn(item, stop.signal);
      task.catch(() => undefined); // It is awaited below; until then a rejection must not be "unhandled".
      running.push(task);
      if (running.length >= limit) yield await takeOldest(running);
    }
    while (running.length > 0) yield await takeOldest(running);
  } finally {
    stop.abort();
    await Promise.allSettled(running);
  }
}

async function takeOldest<Out>(running: Promise<Out>[]): Promise<Out> {
  const oldest = running.shift();
  if (!oldest) throw new TypeError("nothing is running");
  return await oldest;
}

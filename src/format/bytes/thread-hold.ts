/** Name under which a thread finds, in Node's environment data, the word that says whether it may be ended. */
export const THREAD_WORD = "amber: state of this thread";

/** States of that word: a new thread is held until it says otherwise. */
export const threadStates = { held: 0, free: 1, ending: 2 } as const;

/**
 * Runs something during which the thread of `word` must not be ended: loading native modules and binding their functions.
 *
 * If the thread is being ended already, this waits for that and never returns.
 *
 * @param word Shared memory of one word; without one, as in a main thread, nothing is held.
 */
export function holdThread<Result>(word: Int32Array | undefined, run: () => Result): Result {
  if (!word) return run();
  const before = Atomics.compareExchange(word, 0, threadStates.free, threadStates.held);
  while (before === threadStates.ending) Atomics.wait(word, 0, threadStates.ending);
  try {
    return run();
  } finally {
    if (before === threadStates.free) Atomics.store(word, 0, threadStates.free);
  }
}

/** Claims the end of a thread; `false` while it is held. Afterwards it begins nothing that has to be held. */
export function claimEnd(word: Int32Array): boolean {
  const { free, ending } = threadStates;
  const before = Atomics.compareExchange(word, 0, free, ending);
  return before === free || before === ending;
}

import { getEnvironmentData } from "node:worker_threads";

/** Name under which a thread finds the word that says whether it has loaded. */
export const LOADING_WORD = "amber: loading of this thread";

/**
 * Says that the modules of this thread are loaded, native ones included: the first thing every thread does.
 *
 * Until then `endThread` leaves it alone.
 */
export function announceLoaded(): void {
  const word = getEnvironmentData(LOADING_WORD);
  if (word instanceof Int32Array) Atomics.store(word, 0, 1);
}

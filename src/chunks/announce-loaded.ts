import { getEnvironmentData } from "node:worker_threads";

import { THREAD_WORD, threadStates } from "../format/bytes/thread-hold.ts";

/**
 * Says that the modules of this thread are loaded, native ones included: the first thing every thread does.
 *
 * Until then `endThread` leaves it alone.
 */
export function announceLoaded(): void {
  const word = getEnvironmentData(THREAD_WORD);
  if (word instanceof Int32Array) Atomics.store(word, 0, threadStates.free);
}

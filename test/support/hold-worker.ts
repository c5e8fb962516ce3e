import { getEnvironmentData, workerData } from "node:worker_threads";

import { announceLoaded } from "../../src/chunks/announce-loaded.ts";
import { holdThread, THREAD_WORD } from "../../src/format/bytes/thread-hold.ts";

/** What the thread does: holds itself until word 0 is set, or once it is; word 1 says that it has come so far, word 2 that it was held to the end. */
export interface HoldOrder {
  readonly words: Int32Array;
  readonly begins: "at once" | "when told";
}

announceLoaded();
const { words, begins } = workerData as HoldOrder;
const wait = (): void => {
  Atomics.wait(words, 0, 0);
};

if (begins === "when told") {
  wait();
  Atomics.store(words, 1, 1);
}
holdThread(getEnvironmentData(THREAD_WORD) as Int32Array, () => {
  Atomics.store(words, 1, 1);
  wait();
  Atomics.store(words, 2, 1);
});

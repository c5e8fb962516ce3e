import { setTimeout as sleep } from "node:timers/promises";
import { type Worker } from "node:worker_threads";

import { claimEnd } from "../format/bytes/thread-hold.ts";
import { threadWordOf } from "./start-worker.ts";

const LOOK_AGAIN_MS = 5;

/** `threadId` of a thread that has ended. */
const ENDED = -1;

/**
 * Ends a thread of `startWorker` wherever it is, but not while it is held: while it loads, or binds a function of the C library.
 *
 * A native module that is at that when its thread is terminated aborts the whole process (koffi 3.3, Node 20: "FATAL ERROR:
 * Error::ThrowAsJavaScriptException napi_throw"), and an error that was about to be told is lost with it.
 */
export async function endThread(worker: Worker): Promise<void> {
  const word = threadWordOf(worker);
  while (word && worker.threadId !== ENDED && !claimEnd(word)) {
    await sleep(LOOK_AGAIN_MS);
  }
  await worker.terminate();
}

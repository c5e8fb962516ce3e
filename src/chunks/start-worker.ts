import { createRequire } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import {
  getEnvironmentData,
  setEnvironmentData,
  Worker,
  type WorkerOptions,
} from "node:worker_threads";

import { THREAD_WORD } from "../format/bytes/thread-hold.ts";

/** The word of each thread that says whether it may be ended. */
const threadWords = new WeakMap<Worker, Int32Array>();

/**
 * Starts a thread from a module that lies beside the caller's.
 *
 * Its module calls `announceLoaded` first. It is ended with `endThread`, never with `terminate`.
 *
 * The same call works from TypeScript sources (tests) and from the built program: the extension is that of the caller.
 *
 * @param name File name without extension, for example `codec-worker`.
 * @param callerUrl `import.meta.url` of the caller.
 */
export function startWorker(name: string, callerUrl: string, options: WorkerOptions = {}): Worker {
  const isSource = callerUrl.endsWith(".ts");
  const url = new URL(`./${name}${extname(callerUrl)}`, callerUrl);
  const word = new Int32Array(new SharedArrayBuffer(4));
  // The thread gets a copy of what is set now, with the same memory in it; this one keeps its own word, if it has one.
  const own = getEnvironmentData(THREAD_WORD);
  setEnvironmentData(THREAD_WORD, word);
  const worker = new Worker(isSource ? throughTsx(url) : url, options);
  setEnvironmentData(THREAD_WORD, own);
  threadWords.set(worker, word);
  return worker;
}

/** The word that says whether a thread may be ended; `undefined` for threads that were not started here. */
export function threadWordOf(worker: Worker): Int32Array | undefined {
  return threadWords.get(worker);
}

/** Module that registers the TypeScript loader, which threads do not inherit, and then loads `url`. */
function throughTsx(url: URL): URL {
  // `import.meta.resolve` is absent when tests are loaded as CommonJS, and the CommonJS form of the loader does not work.
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx/esm/api"));
  const source = `import { register } from ${JSON.stringify(loader.href.replace(/\.cjs$/, ".mjs"))};
    register();
    await import(${JSON.stringify(url.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

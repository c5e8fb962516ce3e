import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts a thread from a module that lies beside the caller's.
 *
 * The same call works from TypeScript sources (tests) and from the built program: the extension is that of the caller.
 *
 * @param name File name without extension, for example `codec-worker`.
 * @param callerUrl `import.meta.url` of the caller.
 */
export function startWorker(name: string, callerUrl: string, options: WorkerOptions = {}): Worker {
  const isSource = callerUrl.endsWith(".ts");
  const url = new URL(`./${name}.${isSource ? "ts" : "js"}`, callerUrl);
  return new Worker(url, isSource ? { ...options, execArgv: ["--import", "tsx"] } : options);
}

import { once } from "node:events";
import { getSystemErrorName } from "node:util";
import { type Worker } from "node:worker_threads";

import { startWorker } from "../../src/chunks/start-worker.ts";

/** Outcome of a system call; typed arrays among `args` come back as the call left them. */
export interface ProbeOutcome {
  readonly result: number;
  /** Errno name, or "" for success. */
  readonly error: string;
  readonly args: readonly unknown[];
}

/** Makes system calls that Node lacks from a thread that may block; one at a time. */
export class SyscallProbe {
  readonly #worker: Worker = startWorker("syscall-probe-worker", import.meta.url);

  async call(prototype: string, ...args: unknown[]): Promise<ProbeOutcome> {
    this.#worker.postMessage({ prototype, args });
    const [answer] = (await once(this.#worker, "message")) as [
      { result: number; errno: number; args: unknown[] },
    ];
    const error = answer.errno === 0 ? "" : getSystemErrorName(-answer.errno);
    return { result: answer.result, error, args: answer.args };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

import { type Worker } from "node:worker_threads";

import { endThread } from "../../chunks/end-thread.ts";
import { startWorker } from "../../chunks/start-worker.ts";
import {
  type ChunkFolderAnswer,
  type ChunkFolderRequest,
  type SurveyedFile,
} from "./chunk-folder-message.ts";

interface Waiter {
  readonly resolve: (answer: ChunkFolderAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** An error of the system that another thread met. */
class ChunkFolderError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The thread that touches and surveys the chunk files of one datastore; started when first used.
 *
 * Does not keep the process alive while it is idle.
 */
export class ChunkFolderThread {
  readonly #base: string;
  readonly #waiters: Waiter[] = [];
  #worker: Worker | undefined;

  /**
   * Starts nothing yet.
   *
   * @param base Path of `.chunks`.
   */
  constructor(base: string) {
    this.#base = base;
  }

  /** Sets access times; gives the positions of digests without a file. Fails with the system's error. */
  async touch(digests: Uint8Array, timeSec: number): Promise<readonly number[]> {
    const answer = await this.#ask({ kind: "touch", digests, timeSec });
    return answer.kind === "touched" ? answer.missing : [];
  }

  /** Regular files of some chunk folders, folder by folder. Fails with the system's error. */
  async survey(folders: readonly string[]): Promise<readonly SurveyedFile[]> {
    const answer = await this.#ask({ kind: "survey", folders });
    return answer.kind === "surveyed" ? answer.files : [];
  }

  /** Ends the thread; what it was asked fails. */
  async stop(): Promise<void> {
    if (this.#worker) await endThread(this.#worker);
  }

  async #ask(request: ChunkFolderRequest): Promise<ChunkFolderAnswer> {
    const worker = this.#start();
    const answer = await new Promise<ChunkFolderAnswer>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      worker.ref();
      worker.postMessage(request);
    });
    if (answer.kind === "failed") throw new ChunkFolderError(answer.code, answer.message);
    return answer;
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = startWorker("chunk-folder-worker", import.meta.url, { workerData: this.#base });
    let failure: unknown;
    worker.unref();
    worker.on("message", (answer: ChunkFolderAnswer) => {
      this.#waiters.shift()?.resolve(answer);
      if (this.#waiters.length === 0) worker.unref();
    });
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", () => {
      this.#worker = undefined;
      const reason = new Error("Cannot walk chunk folders: the thread ended", { cause: failure });
      for (const { reject } of this.#waiters.splice(0)) reject(reason);
    });
    this.#worker = worker;
    return worker;
  }
}

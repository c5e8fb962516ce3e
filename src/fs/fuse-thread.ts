import { type Worker } from "node:worker_threads";

import { endThread } from "../chunks/end-thread.ts";
import { startWorker } from "../chunks/start-worker.ts";
import { EventDescriptor } from "../linux/event-descriptor.ts";
import {
  fuseControlWords,
  type FuseWorkerData,
  type FuseWorkerOrder,
  type FuseWorkerReport,
} from "./fuse-messages.ts";
import { movableBuffers } from "./movable-answer.ts";
import { describeError, rebuildError } from "./thread-error.ts";

/** How long a thread that was told to stop may take before it is ended by force. */
const STOP_MS_MAX = 3000;

/**
 * Heap for what is new in the thread: half of what V8 takes by itself, measured with `find` over 5,000,000 files to cost nothing. With
 * less the heap for old things grows by more than is saved.
 */
const YOUNG_MEBIBYTES = 24;

/** What a thread needs of its mount. */
export interface FuseThreadOptions {
  /** What the module makes a file system of. */
  readonly argument: unknown;
  readonly enforcesAccessLists: boolean;
  readonly resolve: (need: unknown) => Promise<unknown>;
  readonly giveBack: ((loan: number) => void) | undefined;
  readonly onError: (error: Error) => void;
}

/**
 * The main thread's end of the thread that answers the kernel: fetches what it needs, wakes it, ends it.
 *
 * The file system lives there, so requests are answered also while this thread is busy; only fetching waits for it.
 */
export class FuseThread {
  readonly #worker: Worker;
  readonly #control = new Int32Array(new SharedArrayBuffer(8));
  readonly #wake = new EventDescriptor();
  #options: FuseThreadOptions | undefined;
  #failure: Error | undefined;
  #hasEnded = false;
  #isStopping = false;

  /** Settles when the file system is made. Rejects when it cannot be, or the thread ends before. */
  readonly loaded: Promise<void>;
  /** Settles when the kernel's first request has been answered. Rejects when the thread ends before. */
  readonly ready: Promise<void>;
  /** Settles when the thread has ended, with the error that ended it, if one did. */
  readonly ended: Promise<Error | undefined>;

  /** Starts the thread, which loads the module that makes its file system and waits for {@link make}. */
  constructor(moduleUrl: string) {
    const workerData: FuseWorkerData = {
      moduleUrl,
      wakeDescriptor: this.#wake.fd,
      control: this.#control.buffer,
    };
    this.#worker = startWorker("fuse-worker", import.meta.url, {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
    });
    this.ended = new Promise((resolve) => {
      this.#worker.on("error", (error) => {
        this.#failure = error;
      });
      this.#worker.on("exit", (status) => {
        this.#hasEnded = true;
        this.#wake.close();
        if (status !== 0 && !this.#isStopping) {
          this.#failure ??= new Error(`the thread has ended with status ${status}`);
        }
        resolve(this.#failure);
      });
    });
    this.loaded = this.#reported("loaded");
    this.ready = this.#reported("ready");
    this.#worker.on("message", (report: FuseWorkerReport) => {
      this.#take(report);
    });
  }

  /** Lets the thread make its file system, once. */
  make(options: FuseThreadOptions): void {
    this.#options = options;
    const { argument, enforcesAccessLists } = options;
    this.#tell({ kind: "make", argument, enforcesAccessLists });
  }

  /** Lets the thread answer the kernel; the descriptor stays open until the thread has ended. */
  serve(descriptor: number): void {
    this.#tell({ kind: "serve", descriptor });
  }

  /** Tells the thread to stop, at once and without waiting: for the moment before the process exits. */
  stopNow(): void {
    this.#isStopping = true;
    Atomics.store(this.#control, fuseControlWords.stop, 1);
    if (!this.#hasEnded) this.#wake.signal();
  }

  /** Ends the thread, by force if it does not listen; requests not answered yet stay so. */
  async stop(): Promise<void> {
    this.stopNow();
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, STOP_MS_MAX, "late");
    });
    const outcome = await Promise.race([this.ended, tooLong]);
    clearTimeout(timer);
    if (outcome === "late") await endThread(this.#worker);
  }

  // eslint-disable-next-line @typescript-eslint/promise-function-async -- returns the promise it watches, not another
  #reported(kind: FuseWorkerReport["kind"]): Promise<void> {
    const reported = new Promise<void>((resolve, reject) => {
      this.#worker.on("message", (report: FuseWorkerReport) => {
        if (report.kind === kind) resolve();
      });
      void this.ended.then((error) => {
        reject(error ?? new Error("the thread has ended"));
      });
    });
    // Whoever waits sees the rejection; a thread that ends after nobody waits any more must not count as unhandled.
    reported.catch(() => undefined);
    return reported;
  }

  #take(report: FuseWorkerReport): void {
    switch (report.kind) {
      case "loaded":
      case "ready":
        return;
      case "need":
        void this.#resolve(report.needId, report.need);
        return;
      case "give-back":
        this.#options?.giveBack?.(report.loan);
        return;
      case "error":
        this.#options?.onError(rebuildError(report.error));
        return;
    }
  }

  /** Always ends in an answer: a request of the kernel waits for it. */
  async #resolve(needId: number, need: unknown): Promise<void> {
    try {
      const answer = await this.#options?.resolve(need);
      this.#tell({ kind: "answer", needId, answer }, movableBuffers(answer));
    } catch (error) {
      this.#tell({ kind: "failure", needId, error: describeError(error) });
    }
  }

  #tell(order: FuseWorkerOrder, moved: readonly ArrayBuffer[] = []): void {
    if (this.#hasEnded) return;
    this.#worker.postMessage(order, moved);
    Atomics.add(this.#control, fuseControlWords.ordersPosted, 1);
    this.#wake.signal();
  }
}

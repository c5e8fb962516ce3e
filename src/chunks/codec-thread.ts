import { type Worker } from "node:worker_threads";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { type CodecAnswer, type CodecMessage, formatErrorFrom } from "./codec-message.ts";
import { type CodecResult, type CodecTask } from "./codec-task.ts";
import { endThread } from "./end-thread.ts";
import { startWorker } from "./start-worker.ts";

/** Who waits for a task. */
export interface CodecWaiter {
  readonly resolve: (result: CodecResult) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * One codec thread as the main thread sees it; started when first used, and again after it has died.
 *
 * Tasks in it when it dies are rejected. An idle thread does not keep the process alive.
 */
export class CodecThread {
  readonly #onAnswer: () => void;
  readonly #waiters = new Map<number, CodecWaiter>();
  #worker: Worker | undefined;
  /** Keys the running thread knows, by their number. */
  #keyIds = new Set<number>();
  #lastTaskId = 0;

  #isStopping = false;
  #isRunning = false;

  /** Calls `onAnswer` each time the thread has room for one task more. */
  constructor(onAnswer: () => void) {
    this.#onAnswer = onAnswer;
  }

  /** Whether it is there and has begun to run. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Whether it has been started and does not run yet: what it is sent waits. */
  get isStarting(): boolean {
    return this.#worker !== undefined && !this.#isRunning;
  }

  /** Tasks sent and not answered. */
  get load(): number {
    return this.#waiters.size;
  }

  /** Starts the thread if it does not run. */
  start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = startWorker("codec-worker", import.meta.url);
    let failure: unknown;
    worker.unref();
    worker.on("online", () => {
      this.#isRunning = true;
      this.#onAnswer();
    });
    worker.on("message", (answer: CodecAnswer) => {
      this.#settle(worker, answer);
    });
    worker.on("error", (error) => {
      failure = error;
    });
    worker.on("exit", () => {
      this.#fail(worker, failure);
    });
    this.#worker = worker;
    this.#keyIds = new Set();
    return worker;
  }

  /** Sends a task; buffers in `transfer` move to the thread. */
  send(
    task: CodecTask,
    options: {
      readonly key: CryptKey | undefined;
      readonly transfer: readonly ArrayBuffer[];
      readonly waiter: CodecWaiter;
    },
  ): void {
    const worker = this.start();
    if (task.keyId !== undefined && options.key && !this.#keyIds.has(task.keyId)) {
      // Copies, because a view would take its whole buffer along.
      const { encKey, idKey } = options.key;
      const key = { encKey: new Uint8Array(encKey), idKey: new Uint8Array(idKey) };
      post(worker, { kind: "key", keyId: task.keyId, key });
      this.#keyIds.add(task.keyId);
    }
    const taskId = ++this.#lastTaskId;
    post(worker, { kind: "task", taskId, task }, options.transfer);
    if (this.#waiters.size === 0) worker.ref();
    this.#waiters.set(taskId, options.waiter);
  }

  /** Ends the thread; its tasks are rejected. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const worker = this.#worker;
    if (!worker) return;
    // At once: what it still answers while it loads is of no use to anybody.
    this.#fail(worker, undefined);
    await endThread(worker);
  }

  #settle(worker: Worker, answer: CodecAnswer): void {
    const waiter = this.#waiters.get(answer.taskId);
    this.#waiters.delete(answer.taskId);
    // Its end is waited for: an answer that comes meanwhile must not let the process end instead.
    if (this.#waiters.size === 0 && !this.#isStopping) worker.unref();
    if ("result" in answer) waiter?.resolve(answer.result);
    else waiter?.reject("error" in answer ? answer.error : formatErrorFrom(answer.formatError));
    this.#onAnswer();
  }

  #fail(worker: Worker, failure: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#isRunning = false;
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) {
      waiter.reject(
        new Error("Cannot finish the task: its codec thread ended", { cause: failure }),
      );
    }
    this.#onAnswer();
  }
}

function post(worker: Worker, message: CodecMessage, transfer: readonly ArrayBuffer[] = []): void {
  worker.postMessage(message, transfer);
}

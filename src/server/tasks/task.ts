import { open, type FileHandle } from "node:fs/promises";

import { type Clock } from "../../format/clock.ts";
import { formatLocalTime } from "./local-time.ts";

/** Most characters waiting to be written before {@link Task.flush} is due; lines beyond it are still taken. */
const PENDING_CHARACTERS_MAX = 64 * 1024;

/** Milliseconds that a line about a single request waits for others to be written with it. */
const DETAIL_DELAY_MS = 500;

/** Most lines about single requests and chunks in one log; ours: about 2 MB, and enough to see what a client did. */
export const DETAIL_LINES_MAX = 20_000;

/**
 * One piece of work with a name, a log that clients can read, and an end (spec rest-api.md §1.7).
 *
 * Lines are written to the log file in order, many at a time.
 */
export class Task {
  /** Name. */
  readonly upid: string;
  readonly #file: FileHandle;
  readonly #clock: Clock;
  readonly #onEnd: (status: string) => Promise<void>;
  readonly #abort = new AbortController();
  #pending = "";
  #writing: Promise<void> = Promise.resolve();
  #isScheduled = false;
  #detailTimer: NodeJS.Timeout | undefined;
  #isOver = false;
  #warningCount = 0;
  #detailCount = 0;

  private constructor(upid: string, file: FileHandle, options: TaskOptions) {
    this.upid = upid;
    this.#file = file;
    this.#clock = options.clock;
    this.#onEnd = options.onEnd;
  }

  /** Starts the log. Only the registry calls this. */
  static async start(upid: string, logPath: string, options: TaskOptions): Promise<Task> {
    return new Task(upid, await open(logPath, "a", 0o640), options);
  }

  /** Aborts when someone asked for the task to stop. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Warnings so far. */
  get warningCount(): number {
    return this.#warningCount;
  }

  /** Asks the task to stop; it ends when it notices. */
  requestStop(): void {
    this.#abort.abort(new Error("task aborted"));
  }

  /** Adds a line, or several when the text has several. */
  log(text: string): void {
    this.#add(text);
    if (this.#isOver || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.flush();
    });
  }

  /**
   * Adds a line of which there may be as many as a client likes: one per request or chunk.
   *
   * Only the first {@link DETAIL_LINES_MAX} are kept, so that no client can fill the disk with them. They are written some
   * time later than other lines, many at a time: one write for each costs a server that is read from 4 % of its CPU time.
   */
  detail(text: string): void {
    this.#detailCount += 1;
    if (this.#detailCount <= DETAIL_LINES_MAX) this.#add(text);
    else if (this.#detailCount === DETAIL_LINES_MAX + 1) this.#add("further details are left out");
    if (this.#isOver) return;
    this.#detailTimer ??= setTimeout(() => void this.flush(), DETAIL_DELAY_MS).unref();
  }

  /** Adds a line and makes the task end with a warning. */
  warn(text: string): void {
    this.#warningCount += 1;
    this.log(`WARN: ${text}`);
  }

  /** Writes what is pending; a failing disk loses log lines, never the work the log is about. */
  async flush(): Promise<void> {
    clearTimeout(this.#detailTimer);
    this.#detailTimer = undefined;
    this.#writing = this.#writing.then(async () => {
      const text = this.#pending;
      this.#pending = "";
      if (text !== "") await this.#file.appendFile(text).catch(() => undefined);
    });
    await this.#writing;
  }

  /**
   * Ends the task; only the first call counts.
   *
   * @param failure Text of the error; without it the task is OK, or has warnings.
   */
  async end(failure?: string): Promise<void> {
    if (this.#isOver) return;
    let status = "OK";
    if (failure !== undefined) status = failure.replaceAll(/\s*\n\s*/g, "; ");
    else if (this.#warningCount > 0) status = `WARNINGS: ${this.#warningCount}`;
    this.log(failure === undefined ? `TASK ${status}` : `TASK ERROR: ${status}`);
    this.#isOver = true;
    await this.flush();
    await this.#file.close();
    await this.#onEnd(status);
  }

  #add(text: string): void {
    if (this.#isOver) return;
    this.#pending += `${formatLocalTime(this.#clock.nowSec())}: ${text}\n`;
    if (this.#pending.length >= PENDING_CHARACTERS_MAX) void this.flush();
  }
}

/** What a task needs from the registry. */
export interface TaskOptions {
  readonly clock: Clock;
  /** Called once, after the last line was written. */
  readonly onEnd: (status: string) => Promise<void>;
}

import { appendFile, mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type Clock } from "../../format/clock.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { Task } from "./task.ts";
import { isMissing, readLines, TaskArchive } from "./task-archive.ts";
import { formatUpid, parseUpid, type Upid } from "./upid.ts";

/** How a task that is over ended. */
export interface TaskEnd {
  readonly endSec: number;
  /** `OK`, `WARNINGS: n`, `unknown` or the text of an error. */
  readonly status: string;
}

/** One task, running or over. */
export interface TaskEntry {
  readonly upid: string;
  readonly parts: Upid;
  /** `undefined` while it runs. */
  readonly end: TaskEnd | undefined;
}

/** A part of a task's log. */
export interface LogPage {
  readonly lines: readonly { readonly n: number; readonly t: string }[];
  /** Lines in the whole log at the same moment. */
  readonly total: number;
}

const DAY_SEC = 86_400;

/** Finished tasks kept in memory and listed. */
const FINISHED_MAX = 10_000;

/** Who runs the tasks. */
export interface TaskHost {
  readonly nodeName: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot, as in /proc/PID/stat. */
  readonly processStart: number;
  readonly clock: Clock;
}

/**
 * Every task of this server, with its log in a folder laid out as the genuine server does.
 *
 * `active` names tasks that were started, `archive` those that ended; logs lie in folders named by the low byte of
 * the process start. Tasks that a crash interrupted are listed as `unknown`.
 */
export class TaskRegistry {
  readonly #directory: string;
  readonly #host: TaskHost;
  readonly #archive: TaskArchive;
  readonly #running = new Map<string, { readonly task: Task; readonly parts: Upid }>();
  /** Oldest first. */
  #finished: TaskEntry[] = [];
  #nextTask = 0;

  private constructor(directory: string, host: TaskHost) {
    this.#directory = directory;
    this.#host = host;
    this.#archive = new TaskArchive(directory);
  }

  /** Opens the folder, creating it, and reads what an earlier server left in it. */
  static async open(directory: string, host: TaskHost): Promise<TaskRegistry> {
    const registry = new TaskRegistry(directory, host);
    await mkdir(directory, { recursive: true, mode: 0o750 });
    await registry.#readPast();
    return registry;
  }

  /** Starts a task. */
  async start(type: string, id: string, authId: AuthId): Promise<Task> {
    const { nodeName, pid, processStart, clock } = this.#host;
    const startSec = clock.nowSec();
    const parts = {
      node: nodeName,
      pid,
      processStart,
      task: this.#nextTask,
      startSec,
      type,
      id,
      authId,
    };
    this.#nextTask += 1;
    const upid = formatUpid(parts);
    const logPath = this.#logPath(upid, parts);
    await mkdir(join(logPath, ".."), { recursive: true, mode: 0o750 });
    const task = await Task.start(upid, logPath, {
      clock,
      onEnd: async (status) => {
        await this.#ended(upid, parts, status);
      },
    });
    this.#running.set(upid, { task, parts });
    await appendFile(join(this.#directory, "active"), `${upid}\n`);
    return task;
  }

  /** Running tasks, then finished ones; each newest first. */
  *list(): Generator<TaskEntry> {
    for (const [upid, { parts }] of [...this.#running].reverse()) {
      yield { upid, parts, end: undefined };
    }
    for (let i = this.#finished.length - 1; i >= 0; i--) {
      const entry = this.#finished[i];
      if (entry) yield entry;
    }
  }

  /** One task by its name. */
  find(upid: string): TaskEntry | undefined {
    const running = this.#running.get(upid);
    if (running) return { upid, parts: running.parts, end: undefined };
    return this.#finished.find((entry) => entry.upid === upid);
  }

  /** Asks a running task to stop; one that is over is no error. */
  requestStop(upid: string): void {
    this.#running.get(upid)?.task.requestStop();
  }

  /**
   * Lines `start` to `start + limit - 1` of a log, counted from 1, and the count of all lines, from one view of the file.
   *
   * @param limit 0 for all.
   */
  async readLog(entry: TaskEntry, start: number, limit: number): Promise<LogPage> {
    const text = await this.readLogText(entry);
    const all = text.split("\n");
    if (all.at(-1) === "") all.pop();
    const first = Math.max(start, 1);
    const end = limit === 0 ? all.length : first - 1 + limit;
    const lines = all.slice(first - 1, end).map((line, index) => ({ n: first + index, t: line }));
    return { lines, total: all.length };
  }

  /** The whole log; empty when the file is gone. */
  async readLogText(entry: TaskEntry): Promise<string> {
    await this.#running.get(entry.upid)?.task.flush();
    try {
      return await readFile(this.#logPath(entry.upid, entry.parts), "utf8");
    } catch (error) {
      if (isMissing(error)) return "";
      throw error;
    }
  }

  /** The last whole lines of the log of a running task, of at most so many bytes; empty for one that does not run. */
  async readLogEnd(upid: string, bytesMax: number): Promise<string> {
    const running = this.#running.get(upid);
    if (!running) return "";
    await running.task.flush();
    const file = await open(this.#logPath(upid, running.parts), "r");
    try {
      const { size } = await file.stat();
      const start = Math.max(0, size - bytesMax);
      const buffer = Buffer.alloc(size - start);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
      const text = buffer.toString("utf8", 0, bytesRead);
      return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
    } finally {
      await file.close();
    }
  }

  /** Whether the list of finished tasks has grown so far that {@link rotate} is due. */
  async isRotationDue(): Promise<boolean> {
    return await this.#archive.isFull();
  }

  /**
   * Begins a new list of finished tasks and removes logs that are listed nowhere any more.
   *
   * @param logDaysMax Logs of tasks that ended longer ago go, too.
   * @returns How many logs were removed.
   */
  async rotate(logDaysMax: number | undefined): Promise<number> {
    if (await this.#archive.isFull()) await this.#archive.rotate();
    const beforeSec =
      logDaysMax === undefined ? undefined : this.#host.clock.nowSec() - logDaysMax * DAY_SEC;
    return await this.#archive.removeLogs((upid) => this.#running.has(upid), beforeSec);
  }

  async #ended(upid: string, parts: Upid, status: string): Promise<void> {
    const end = { endSec: this.#host.clock.nowSec(), status };
    this.#running.delete(upid);
    this.#remember({ upid, parts, end });
    await this.#archive.append({ upid, ...end });
    if (this.#running.size === 0) await writeFile(join(this.#directory, "active"), "");
  }

  #remember(entry: TaskEntry): void {
    this.#finished.push(entry);
    if (this.#finished.length > FINISHED_MAX) {
      this.#finished = this.#finished.slice(-FINISHED_MAX / 2);
    }
  }

  async #readPast(): Promise<void> {
    const known = new Set<string>();
    for await (const { upid, parts, endSec, status } of this.#archive.read()) {
      known.add(upid);
      this.#remember({ upid, parts, end: { endSec, status } });
    }
    const interrupted = await readLines(join(this.#directory, "active"));
    for (const upid of interrupted) {
      const parts = parseUpid(upid);
      if (!parts || known.has(upid)) continue;
      const end = { endSec: parts.startSec, status: "unknown" };
      this.#remember({ upid, parts, end });
      await this.#archive.append({ upid, ...end });
    }
    if (interrupted.length > 0) await writeFile(join(this.#directory, "active"), "");
  }

  #logPath(upid: string, parts: Upid): string {
    const folder = (parts.processStart & 0xff).toString(16).toUpperCase().padStart(2, "0");
    return join(this.#directory, folder, upid);
  }
}

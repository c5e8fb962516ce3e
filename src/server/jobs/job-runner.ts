import { type FastifyBaseLogger } from "fastify";

import { BackupError } from "../../format/backup-error.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Announcement } from "../notifications/task-notification.ts";
import { type Task } from "../tasks/task.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";

/** What a job is called in the list of tasks. */
export interface JobName {
  /** Worker type (spec rest-api.md §9.1). */
  readonly type: string;
  /** What it works on. */
  readonly id: string;
  /** Who started it. */
  readonly authId: AuthId;
  /** What people are told about its end; nothing when absent. */
  readonly announcement?: Announcement;
}

/** How work went, before its task ends. */
export interface WorkEnd {
  readonly task: Task;
  readonly announcement: Announcement;
  /** Text of the error; `undefined` when there is none. */
  readonly failure: string | undefined;
}

/** Tells people how work went; must not reject, nor take long: the task ends after it. */
export type Announce = (end: WorkEnd) => Promise<void>;

/** A job that was started. */
export interface StartedJob<Result> {
  readonly upid: string;
  /** Settles after the task has ended; rejects as the work does. */
  readonly result: Promise<Result>;
}

/**
 * Runs work as tasks: the log starts before the work does, and its last line says how it went.
 *
 * What the work throws becomes the task's result. Closing stops everything that runs and waits for it.
 */
export class JobRunner {
  readonly #tasks: TaskRegistry;
  readonly #logger: FastifyBaseLogger;
  readonly #announce: Announce;
  readonly #running = new Map<string, Promise<unknown>>();
  #isClosing = false;

  constructor(tasks: TaskRegistry, logger: FastifyBaseLogger, announce: Announce) {
    this.#tasks = tasks;
    this.#logger = logger;
    this.#announce = announce;
  }

  /** Starts work; returns as soon as its task has a name. */
  async start<Result>(
    name: JobName,
    work: (task: Task) => Promise<Result>,
  ): Promise<StartedJob<Result>> {
    const task = await this.#tasks.start(name.type, name.id, name.authId);
    const result = this.#run(task, work, name.announcement);
    const settled = result.then(
      () => undefined,
      () => undefined, // Who waits for the result gets the error, the log has it in any case.
    );
    this.#running.set(task.upid, settled);
    void settled.then(() => this.#running.delete(task.upid));
    return { upid: task.upid, result };
  }

  /** Waits until what runs now has ended. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Stops what runs, and waits until it has ended. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const upid of this.#running.keys()) this.#tasks.requestStop(upid);
    await this.whenIdle();
  }

  async #run<Result>(
    task: Task,
    work: (task: Task) => Promise<Result>,
    announcement: Announcement | undefined,
  ): Promise<Result> {
    try {
      const result = await work(task);
      await this.#tell(task, announcement, undefined);
      await task.end();
      return result;
    } catch (error) {
      if (!(error instanceof BackupError) && !task.signal.aborted) {
        this.#logger.error({ err: error, upid: task.upid }, "job failed");
      }
      const failure = error instanceof Error ? error.message : String(error);
      await this.#tell(task, announcement, failure);
      await task.end(failure);
      throw error;
    }
  }

  /** What the end of the server cuts off is begun again by its schedule, and no failure. */
  async #tell(
    task: Task,
    announcement: Announcement | undefined,
    failure: string | undefined,
  ): Promise<void> {
    if (announcement && !this.#isClosing) await this.#announce({ task, announcement, failure });
  }
}

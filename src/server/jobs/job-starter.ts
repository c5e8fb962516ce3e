import { type FastifyBaseLogger } from "fastify";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { refused } from "../http/api-error.ts";
import { type JobRunner, type StartedJob } from "./job-runner.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { type AnnouncedKind, type Announcement } from "../notifications/task-notification.ts";
import { type JobKey, type JobStates, type JobType } from "./job-states.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

/** Who wants a run, and why. */
export type JobTrigger =
  | { readonly kind: "hand"; readonly authId: AuthId }
  | { readonly kind: "schedule"; readonly authId: AuthId; readonly schedule: string };

/** What a {@link JobStarter} works with. */
export interface JobStarterOptions {
  readonly jobs: JobRunner;
  readonly states: JobStates;
  readonly tasks: Pick<TaskRegistry, "find">;
  readonly logger: FastifyBaseLogger;
}

/** One run, until its end is noted. */
interface Run {
  readonly started: Promise<StartedJob<void>>;
  readonly settled: Promise<void>;
}

/** Starts runs of jobs, never two of one job at a time, and remembers how they went. */
export class JobStarter {
  readonly #runner: JobRunner;
  readonly #states: JobStates;
  readonly #tasks: Pick<TaskRegistry, "find">;
  readonly #logger: FastifyBaseLogger;
  readonly #running = new Map<string, Run>();

  constructor(options: JobStarterOptions) {
    this.#runner = options.jobs;
    this.#states = options.states;
    this.#tasks = options.tasks;
    this.#logger = options.logger;
  }

  /** Whether a job runs now. */
  isRunning(key: JobKey): boolean {
    return this.#running.has(keyText(key));
  }

  /**
   * Starts a run.
   *
   * @returns The UPID of its task.
   * @throws {ApiError} `API_REFUSED` when the job runs already, or cannot run now.
   */
  async start(job: ScheduledJob, trigger: JobTrigger): Promise<string> {
    for (;;) {
      const before = this.#running.get(keyText(job));
      if (!before) break;
      const { upid } = await before.started;
      if (!this.#tasks.find(upid)?.end) throw refused(`job '${job.id}' is already running`);
      await before.settled; // It is over, and only the note about it is not yet written.
    }
    const started = this.#begin(job, trigger);
    const settled = started.then(
      async ({ upid, result }) => {
        await this.#follow(job, upid, result);
      },
      () => undefined, // Whoever asked for the run is told.
    );
    this.#running.set(keyText(job), { started, settled });
    void settled.then(() => this.#running.delete(keyText(job)));
    return (await started).upid;
  }

  /** Waits until what runs has ended and that is noted; whoever calls this has stopped it. */
  async whenIdle(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ settled }) => settled));
  }

  async #begin(job: ScheduledJob, trigger: JobTrigger): Promise<StartedJob<void>> {
    const work = await job.prepare(trigger.authId);
    const name = {
      type: job.type,
      id: job.workerId,
      authId: trigger.authId,
      announcement: announcementOf(job),
    };
    return await this.#runner.start(name, async (task) => {
      // The file first: a run that a crash ends must not look as if it had never begun.
      await this.#states.started(job, task.upid);
      task.log(job.title);
      if (trigger.kind === "schedule") {
        task.log(`task triggered by schedule '${trigger.schedule}'`);
      }
      await work(task);
    });
  }

  /** Notes the end of a run. */
  async #follow(job: ScheduledJob, upid: string, result: Promise<void>): Promise<void> {
    await result.catch(() => undefined); // The task tells.
    try {
      await this.#states.finished(job, upid);
    } catch (error) {
      this.#logger.error({ err: error, upid }, "state of a job not saved");
    }
  }
}

/** How kinds of jobs are called in notifications. */
export const announcedKinds: Readonly<Record<JobType, AnnouncedKind>> = {
  garbage_collection: "gc",
  prunejob: "prune",
  syncjob: "sync",
  verificationjob: "verify",
};

function announcementOf({ type, id, store }: ScheduledJob): Announcement {
  const jobId = type === "garbage_collection" ? undefined : id;
  return { kind: announcedKinds[type], datastore: store, jobId, when: "always" };
}

function keyText({ type, id }: JobKey): string {
  return `${type}-${id}`;
}

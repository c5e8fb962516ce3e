import { type Clock } from "../../format/clock.ts";
import { ROOT_USER } from "../auth/auth-id.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { type JobRunner } from "./job-runner.ts";

const DAY_SEC = 86_400;

/** What the rotation of logs works with. */
export interface LogRotationOptions {
  readonly tasks: TaskRegistry;
  readonly jobs: JobRunner;
  readonly clock: Clock;
  /** Days after which logs of tasks go; `undefined` when only their number counts. */
  readonly logDaysMax: () => Promise<number | undefined>;
}

/** Looks once a day, and when the server has started, whether old logs of tasks are to go; it is then a task of its own. */
export class LogRotation {
  readonly #options: LogRotationOptions;
  #lastDay = 0;

  constructor(options: LogRotationOptions) {
    this.#options = options;
  }

  /** Starts the task if it is time and there is something to do. */
  async tick(): Promise<void> {
    const { tasks, jobs, clock, logDaysMax } = this.#options;
    const day = Math.floor(clock.nowSec() / DAY_SEC);
    if (day === this.#lastDay) return;
    this.#lastDay = day;
    const days = await logDaysMax();
    if (days === undefined && !(await tasks.isRotationDue())) return;
    const name = { type: "logrotate", id: "", authId: ROOT_USER };
    const { result } = await jobs.start(name, async (task) => {
      const removed = await tasks.rotate(days);
      task.log(`removed ${removed} logs of tasks`);
    });
    result.catch(() => undefined); // The task tells.
  }
}

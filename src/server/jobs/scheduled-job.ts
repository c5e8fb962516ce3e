import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Task } from "../tasks/task.ts";
import { type JobKey } from "./job-states.ts";

/** Work that is ready to be run as a task. */
export type JobWork = (task: Task) => Promise<void>;

/** A job of the configuration that can be run by its schedule or by hand. */
export interface ScheduledJob extends JobKey {
  /** What its tasks are called beside their type (spec retention-gc-verify-sync.md §1.5, §4.1, §5.1). */
  readonly workerId: string;
  readonly store: string;
  /** Calendar event as it stands in the configuration; `undefined` when it is never due. */
  readonly schedule: string | undefined;
  /** First line of the log of a run. */
  readonly title: string;
  /**
   * Checks what can be checked before a run, and gives the work, in the name of `authId`.
   *
   * @throws {ApiError} `API_REFUSED` when the datastore is out of service.
   */
  readonly prepare: (authId: AuthId) => Promise<JobWork> | JobWork;
}

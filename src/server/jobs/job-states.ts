import { join } from "node:path";

import { type Clock } from "../../format/clock.ts";
import { ConfigDirectory } from "../configuration/config-directory.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { type JobState, parseJobState, runResult, settledState } from "./job-state.ts";

/** Kinds of jobs that run by a schedule; the name is that of their tasks, too. */
export type JobType = "prunejob" | "syncjob" | "verificationjob" | "garbage_collection";

/** Names one job; for garbage collection, `id` is that of the datastore. */
export interface JobKey {
  readonly type: JobType;
  readonly id: string;
}

/** A job without a state counts as made so long ago (spec retention-gc-verify-sync.md §2). */
const UNKNOWN_AGE_SEC = 30;

/**
 * What is known about the last run of every job, in a folder with one file a job, named and formed as the genuine server
 * does: `prunejob-nightly.json`. It survives a restart, and a crash at any line.
 */
export class JobStates {
  readonly #directory: ConfigDirectory;
  readonly #tasks: TaskRegistry;
  readonly #clock: Clock;

  private constructor(directory: ConfigDirectory, tasks: TaskRegistry, clock: Clock) {
    this.#directory = directory;
    this.#tasks = tasks;
    this.#clock = clock;
  }

  /** Opens the folder `jobstates` in that of the server's state, creating it. */
  static async open(
    stateDirectory: string,
    { tasks, clock }: { readonly tasks: TaskRegistry; readonly clock: Clock },
  ): Promise<JobStates> {
    const directory = await ConfigDirectory.open(join(stateDirectory, "jobstates"));
    return new JobStates(directory, tasks, clock);
  }

  /**
   * State of a job. One that has none, or none that can be read, gets one now, so that its schedule begins to count.
   *
   * A run that a crash has ended is shown as ended.
   */
  async read(key: JobKey): Promise<JobState> {
    const text = await this.#directory.read(fileName(key));
    const state = text === undefined ? undefined : parseJobState(text);
    if (state) return settledState(state, this.#tasks);
    const created = { Created: { time: this.#clock.nowSec() - UNKNOWN_AGE_SEC } };
    await this.#write(key, created);
    return created;
  }

  /** The job was made now: its schedule counts from here. */
  async created(key: JobKey): Promise<void> {
    await this.#write(key, { Created: { time: this.#clock.nowSec() } });
  }

  /** The schedule was changed: what it would have been before does not count. */
  async rescheduled(key: JobKey): Promise<void> {
    const state = await this.read(key);
    if ("Started" in state) return;
    if ("Created" in state) await this.created(key);
    else {
      const updated = this.#clock.nowSec();
      await this.#write(key, { Finished: { ...state.Finished, updated } });
    }
  }

  /** A run has begun. */
  async started(key: JobKey, upid: string): Promise<void> {
    await this.#write(key, { Started: { upid } });
  }

  /** The run has ended as its task says. */
  async finished(key: JobKey, upid: string): Promise<void> {
    const end = this.#tasks.find(upid)?.end;
    const state = runResult(end?.status ?? "unknown", end?.endSec ?? this.#clock.nowSec());
    await this.#write(key, { Finished: { upid, state } });
  }

  /** Forgets a job that is no more. */
  async remove(key: JobKey): Promise<void> {
    await this.#directory.remove(fileName(key));
  }

  async #write(key: JobKey, state: JobState): Promise<void> {
    await this.#directory.write(fileName(key), JSON.stringify(state));
  }
}

function fileName({ type, id }: JobKey): string {
  return `${type}-${id}.json`;
}

import { type FastifyBaseLogger } from "fastify";

import { BackupError } from "../../format/backup-error.ts";
import { type Clock } from "../../format/clock.ts";
import { parseCalendarEvent } from "../../format/schedule/calendar-event.ts";
import { nextEvent } from "../../format/schedule/next-event.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { ROOT_USER } from "../auth/auth-id.ts";
import { lastRunSec } from "./job-state.ts";
import { type JobStarter } from "./job-starter.ts";
import { type JobStates } from "./job-states.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

/** What a scheduler works with. */
export interface SchedulerOptions {
  /** Every job there is now, in the order in which those that are due are started. */
  readonly jobs: () => Promise<readonly ScheduledJob[]>;
  readonly states: JobStates;
  readonly starter: JobStarter;
  readonly clock: Clock;
  /** The zone in which schedules are read now. */
  readonly zone: () => TimeZone;
  readonly logger: FastifyBaseLogger;
  /** Told once when a job that is due begins to fail to start, until it starts again; never rejects. */
  readonly onTrouble: (job: ScheduledJob, reason: string) => Promise<void>;
}

/**
 * Starts jobs when they are due (spec calendar-events.md §2.3).
 *
 * A job is due when its schedule has a moment between the start of its last run and now; so what was missed while the
 * server was down is made up for, once. A job that still runs is passed over, and due again when it has ended.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Last trouble of each job, so that it is logged once, not every minute. */
  readonly #troubles = new Map<string, string>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Starts everything that is due now; called at each full minute. Trouble with one job does not hold up others. */
  async tick(): Promise<void> {
    for (const job of await this.#options.jobs()) {
      const key = `${job.type} ${job.id}`;
      try {
        await this.#startIfDue(job);
        this.#troubles.delete(key);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        const before = this.#troubles.get(key);
        if (before === text) continue;
        this.#troubles.set(key, text);
        const isOurs = !(error instanceof BackupError);
        this.#options.logger.warn(
          { job: job.id, type: job.type, ...(isOurs ? { err: error } : { reason: text }) },
          "scheduled job cannot be started",
        );
        if (before === undefined) await this.#options.onTrouble(job, text);
      }
    }
  }

  async #startIfDue(job: ScheduledJob): Promise<void> {
    const { states, starter, clock, zone } = this.#options;
    const { schedule } = job;
    if (schedule === undefined || starter.isRunning(job)) return;
    const event = parseCalendarEvent(schedule);
    const due = nextEvent(event, lastRunSec(await states.read(job)), zone());
    if (due === undefined || due > clock.nowSec()) return;
    await starter.start(job, { kind: "schedule", authId: ROOT_USER, schedule });
  }
}

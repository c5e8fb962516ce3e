import { type FastifyBaseLogger } from "fastify";

import { type NodeConfig } from "./configuration/node-config.ts";
import { ConfiguredJobs, type JobParts } from "./jobs/configured-jobs.ts";
import { type Ticker } from "./jobs/every-minute.ts";
import { type JobRunner } from "./jobs/job-runner.ts";
import { JobStarter } from "./jobs/job-starter.ts";
import { JobStates } from "./jobs/job-states.ts";
import { LogRotation } from "./jobs/log-rotation.ts";
import { Scheduler } from "./jobs/scheduler.ts";
import { type Notifier } from "./notifications/notifier.ts";
import { OverdueCheck } from "./overdue/overdue-check.ts";
import { OverdueMemoryFile } from "./overdue/overdue-memory.ts";
import { tellOfTrouble } from "./jobs/tell-of-trouble.ts";
import { type TaskRegistry } from "./tasks/task-registry.ts";

/** What the jobs of a server need besides their parts. */
export interface OpenJobsOptions extends JobParts {
  readonly stateDirectory: string;
  readonly tasks: TaskRegistry;
  readonly jobs: JobRunner;
  readonly logger: FastifyBaseLogger;
  /** What wakes the scheduler. */
  readonly everyMinute: Ticker;
  readonly nodeConfig: NodeConfig;
  readonly notifier: Notifier;
  readonly hostName: string;
}

/** The jobs of the configuration, and what starts them. Closing stops what runs, and waits for it. */
export interface OpenJobs extends AsyncDisposable {
  readonly configuredJobs: ConfiguredJobs;
  readonly states: JobStates;
  readonly starter: JobStarter;
  readonly overdue: OverdueCheck;
}

/** Opens what is known about jobs and starts those that are due from the next full minute on, until it is closed. */
export async function openJobs(options: OpenJobsOptions): Promise<OpenJobs> {
  const { jobs, tasks, clock, logger, zone } = options;
  const states = await JobStates.open(options.stateDirectory, { tasks, clock });
  const starter = new JobStarter({ jobs, states, tasks, logger });
  const configuredJobs = new ConfiguredJobs(options);
  const list = async () => await configuredJobs.list();
  const onTrouble = tellOfTrouble(options);
  const scheduler = new Scheduler({ jobs: list, states, starter, clock, zone, logger, onTrouble });
  const logDaysMax = async () => await options.nodeConfig.taskLogDaysMax();
  const rotation = new LogRotation({ tasks, jobs, clock, logDaysMax });
  const memory = await OverdueMemoryFile.open(options.stateDirectory);
  const overdue = new OverdueCheck({ ...options, file: options.files.overdueRules, memory });
  const ticker = options.everyMinute(async () => {
    // One after the other, and none holds up the others.
    for (const [each, trouble] of [
      [scheduler, "the schedules cannot be read"],
      [rotation, "logs of tasks cannot be rotated"],
      [overdue, "overdue backups cannot be looked for"],
    ] as const) {
      try {
        await each.tick();
      } catch (error) {
        logger.error({ err: error }, trouble);
      }
    }
  });
  return {
    configuredJobs,
    states,
    starter,
    overdue,
    [Symbol.asyncDispose]: async () => {
      await ticker[Symbol.asyncDispose]();
      await jobs.close();
      await starter.whenIdle();
      await overdue.whenIdle();
    },
  };
}

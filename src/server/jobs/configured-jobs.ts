import { type AccessControl } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { type Section } from "../configuration/section-config.ts";
import { collectionJob } from "./collection-job.ts";
import { type JobType } from "./job-states.ts";
import { pruneJob, type PruneJobParts } from "./prune-job.ts";
import { type PullParts } from "./prepare-pull.ts";
import { type ScheduledJob } from "./scheduled-job.ts";
import { syncJob } from "./sync-job.ts";
import { verifyJob, type VerifyJobParts } from "./verify-job.ts";

/** What the jobs of the configuration work with. */
export type JobParts = PruneJobParts &
  VerifyJobParts &
  PullParts & { readonly access: AccessControl };

/** Kinds of jobs that have a file of their own, by the type of their tasks. */
const sources = {
  prunejob: { file: "pruneJobs", section: "prune", make: pruneJob },
  syncjob: { file: "syncJobs", section: "sync", make: syncJob },
  verificationjob: { file: "verifyJobs", section: "verification", make: verifyJob },
} as const satisfies Readonly<
  Record<
    Exclude<JobType, "garbage_collection">,
    {
      readonly file: keyof ConfigFiles;
      readonly section: string;
      readonly make: (section: Section, parts: JobParts) => ScheduledJob;
    }
  >
>;

/** Kinds of jobs that can be made and removed. */
export type FileJobType = keyof typeof sources;

/** The jobs of the configuration as it is now. */
export class ConfiguredJobs {
  readonly #parts: JobParts;

  constructor(parts: JobParts) {
    this.#parts = parts;
  }

  /** All of them, in the order in which a scheduler starts those that are due (spec calendar-events.md §2.3). */
  async list(): Promise<readonly ScheduledJob[]> {
    const { datastores } = this.#parts;
    const collections = datastores.all().map(({ entry }) => collectionJob(entry, datastores));
    return [
      ...collections,
      ...(await this.listOf("prunejob")),
      ...(await this.listOf("syncjob")),
      ...(await this.listOf("verificationjob")),
    ];
  }

  /** Those of one kind, in the order of their file. */
  async listOf(type: FileJobType): Promise<readonly ScheduledJob[]> {
    const { file, section, make } = sources[type];
    const { sections } = await this.#parts.files[file].read();
    return sections.filter((each) => each.type === section).map((each) => make(each, this.#parts));
  }

  /** One of them. */
  async find(type: FileJobType, id: string): Promise<ScheduledJob | undefined> {
    return (await this.listOf(type)).find((job) => job.id === id);
  }
}

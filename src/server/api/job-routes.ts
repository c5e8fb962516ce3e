import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { sectionValues } from "../configuration/section-entry.ts";
import { configId, datastoreName } from "../http/parameter-schema.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import { type ConfiguredJobs, type FileJobType } from "../jobs/configured-jobs.ts";
import { type JobStarter } from "../jobs/job-starter.ts";
import { type JobStates } from "../jobs/job-states.ts";
import { entryReply, entrySchema, type EntryKind, findEntry } from "./config-entry-routes.ts";
import { type JobConfigOptions, pruneKind, syncKind, verifyKind } from "./job-config-routes.ts";
import { jobStatus, jobStatusMembers } from "./job-status.ts";

/** What the routes that run jobs work on. */
export type JobRouteOptions = JobConfigOptions & {
  readonly configuredJobs: ConfiguredJobs;
  readonly starter: JobStarter;
  readonly states: JobStates;
  /** The zone in which schedules are read now. */
  readonly zone: () => TimeZone;
};

/** `/admin/prune`, `/admin/verify`, `/admin/sync`: jobs with their runs, and starting one (spec rest-api.md §6). */
export function addJobRoutes(api: FastifyInstance, options: JobRouteOptions): void {
  addRoutesOf(api, options, { name: "prune", type: "prunejob", kind: pruneKind(options) });
  addRoutesOf(api, options, { name: "verify", type: "verificationjob", kind: verifyKind(options) });
  addRoutesOf(api, options, { name: "sync", type: "syncjob", kind: syncKind(options) });
}

interface JobKind {
  readonly name: "prune" | "verify" | "sync";
  readonly type: FileJobType;
  readonly kind: EntryKind;
}

function addRoutesOf(
  api: FastifyInstance,
  { states, configuredJobs, starter, zone }: JobRouteOptions,
  { name, type, kind }: JobKind,
): void {
  const stored = Type.Object(kind.properties);
  const direction = Type.Optional(
    Type.Enum(["pull", "push", "all"], {
      default: "pull",
      description: "Which jobs; there are none that push.",
    }),
  );
  addRoute(api, {
    method: "GET",
    path: `/admin/${name}`,
    description: `Every ${kind.noun} that the caller may see, with its last and next run.`,
    permit: kind.permits.read,
    parameters: Type.Object({
      store: Type.Optional(datastoreName),
      ...(name === "sync" ? { "sync-direction": direction } : {}),
    }),
    reply: Type.Array(Type.Object({ ...entrySchema(kind).properties, ...jobStatusMembers })),
    handle: async (parameters, { caller }) => {
      const { sections, digest } = await kind.file.read();
      const { store } = parameters;
      const isPush = "sync-direction" in parameters && parameters["sync-direction"] === "push";
      const jobs = new Map((await configuredJobs.listOf(type)).map((job) => [job.id, job]));
      const shown: Record<string, unknown>[] = [];
      for (const section of isPush ? [] : sections) {
        if (section.type !== kind.section) continue;
        if (store !== undefined && section.properties.get("store") !== store) continue;
        if (!kind.isVisible(caller, section.id, sectionValues(section, stored))) continue;
        const state = await states.read({ type, id: section.id });
        const schedule = jobs.get(section.id)?.schedule;
        shown.push({ ...entryReply(kind, section), ...jobStatus(state, schedule, zone()) });
      }
      return new WithAttributes(shown, { digest });
    },
  });
  addRoute(api, {
    method: "POST",
    path: `/admin/${name}/:id/run`,
    description: `Runs a ${kind.noun} now, whatever its schedule.`,
    permit: kind.permits.change,
    parameters: Type.Object({ id: configId(kind.noun) }),
    reply: Type.String(),
    handle: async ({ id }, { caller }) => {
      const section = findEntry(kind, (await kind.file.read()).sections, id);
      kind.requireChange(caller, id, sectionValues(section, stored));
      const job = await configuredJobs.find(type, id);
      if (!job) throw new TypeError("the file was read a moment ago");
      return await starter.start(job, { kind: "hand", authId: caller });
    },
  });
}

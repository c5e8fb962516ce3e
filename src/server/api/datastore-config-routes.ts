import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import {
  datastoreEntry,
  datastoreSection,
  datastoreSections,
} from "../configuration/datastore-config.ts";
import { type Section } from "../configuration/section-config.ts";
import { changedSection, sectionValues } from "../configuration/section-entry.ts";
import { type DatastoreChanges } from "../datastore-changes.ts";
import { type Datastores } from "../datastores.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import {
  datastoreName,
  optionalComment,
  optionalConfigDigest,
  userIdSchema,
} from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { optionalPropertyString } from "../http/property-string.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import { calendarEvent } from "../http/text-format.ts";
import { type JobRunner } from "../jobs/job-runner.ts";
import { type JobStates } from "../jobs/job-states.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { tasksOn } from "../tasks/tasks-on.ts";
import { keepProperties } from "./job-config-routes.ts";

/** What the routes of the configuration of datastores work on. */
export interface DatastoreConfigOptions {
  readonly files: ConfigFiles;
  readonly access: AccessControl;
  readonly datastores: Datastores;
  readonly changes: DatastoreChanges;
  readonly jobs: JobRunner;
  readonly tasks: TaskRegistry;
  readonly states: JobStates;
}

const schedule = calendarEvent("A calendar event.");
const keep = Type.Optional(Type.Integer({ minimum: 1, description: "See `/config/prune`." }));

const settings = {
  comment: optionalComment,
  "gc-schedule": Type.Optional(schedule),
  "prune-schedule": Type.Optional(schedule),
  "keep-last": keep,
  "keep-hourly": keep,
  "keep-daily": keep,
  "keep-weekly": keep,
  "keep-monthly": keep,
  "keep-yearly": keep,
  "verify-new": Type.Optional(
    Type.Boolean({ description: "Whether backups are verified when they are finished." }),
  ),
  "notification-mode": Type.Optional(
    Type.Enum(["legacy-sendmail", "notification-system"], { description: "How to notify." }),
  ),
  notify: optionalPropertyString("datastore-notify", "When to notify, by kind of job."),
  "notify-user": Type.Optional(userIdSchema),
  tuning: optionalPropertyString("datastore-tuning", "How to trade speed for safety."),
  "maintenance-mode": optionalPropertyString("maintenance-mode", "Takes it out of service."),
};

const path = Type.String({
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
  pattern: /^\/[^\x00-\x1f\x7f]*$/.source,
  maxLength: 4096,
  description: "Folder, absolute.",
});
const stored = Type.Object({ path, ...settings });
const text = Type.Optional(Type.String());
// Formats are checked on their way in only: the serializer of replies knows none of them.
const entryReply = Type.Object({
  name: Type.String(),
  path: Type.String(),
  ...settings,
  "gc-schedule": text,
  "prune-schedule": text,
  notify: text,
  tuning: text,
  "maintenance-mode": text,
});

/** `/config/datastore` (spec rest-api.md §7). */
export function addDatastoreConfigRoutes(
  api: FastifyInstance,
  options: DatastoreConfigOptions,
): void {
  const { files, access } = options;
  addRoute(api, {
    method: "GET",
    path: "/config/datastore",
    description: "Datastores of the configuration that the caller may see.",
    permit: decidedInside("Datastore.Audit on `/datastore/{name}`; filtered."),
    parameters: Type.Object({}),
    reply: Type.Array(entryReply),
    handle: async (_parameters, { caller }) => {
      const { sections, digest } = await files.datastores.read();
      const visible = datastoreSections(sections).filter(({ id }) =>
        access.hasAny(caller, datastorePath(id, ""), ["Datastore.Audit"]),
      );
      return new WithAttributes(visible.map(replyOf), { digest });
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/config/datastore/:name",
    description: "One datastore of the configuration.",
    permit: needs("/datastore/{name}", "Datastore.Audit"),
    parameters: Type.Object({ name: datastoreName }),
    reply: entryReply,
    handle: async ({ name }) => {
      const { sections, digest } = await files.datastores.read();
      return new WithAttributes(replyOf(findDatastore(sections, name)), { digest });
    },
  });
  addCreateRoute(api, options);
  addUpdateRoute(api, options);
  addRemoveRoute(api, options);
}

function addCreateRoute(api: FastifyInstance, options: DatastoreConfigOptions): void {
  const { files, changes, jobs, states } = options;
  addRoute(api, {
    method: "POST",
    path: "/config/datastore",
    description: "Makes a datastore, in a task.",
    permit: needs("/datastore", "Datastore.Allocate"),
    parameters: Type.Object({
      name: datastoreName,
      path,
      ...settings,
      "reuse-datastore": Type.Optional(
        Type.Boolean({
          default: false,
          description: "Whether the folder of an existing datastore is taken over.",
        }),
      ),
      "overwrite-in-use": Type.Optional(
        Type.Boolean({
          default: false,
          description: "Accepted and not needed: a folder in use is refused.",
        }),
      ),
    }),
    reply: Type.String(),
    handle: async (parameters, { caller }) => {
      const { name, path: folder, "reuse-datastore": reuse, ...rest } = parameters;
      const pruneSchedule = rest["prune-schedule"];
      const removed = ["overwrite-in-use", "prune-schedule"];
      const section = changedSection(
        changedSection(datastoreSection(name, folder), rest),
        {},
        removed,
      );
      changes.requireRoom((await files.datastores.read()).sections, datastoreEntry(section));
      const task = { type: "create-datastore", id: name, authId: caller };
      const job = await jobs.start(task, async (running) => {
        await changes.create(section, reuse === true ? "existing" : "new", running);
        await states.created({ type: "garbage_collection", id: name });
        if (pruneSchedule !== undefined) await addPruneJob(options, name, parameters);
      });
      job.result.catch(() => undefined); // The task tells.
      return job.upid;
    },
  });
}

/** What the schedule and the counts of a datastore, an older way to say it, are today: a job of their own. */
async function addPruneJob(
  { files, states }: DatastoreConfigOptions,
  store: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<void> {
  const counts = Object.keys(keepProperties).flatMap((name) => {
    const value = parameters[name];
    return typeof value === "number" ? [[name, value] as const] : [];
  });
  const values = {
    store,
    schedule: String(parameters["prune-schedule"]),
    ...Object.fromEntries(counts),
  };
  const empty = {
    type: "prune",
    id: `default-${store}`.slice(0, 32),
    properties: new Map<string, string>(),
  };
  await files.pruneJobs.update(({ sections }) =>
    sections.some(({ type, id }) => type === "prune" && id === empty.id)
      ? sections
      : [...sections, changedSection(empty, values)],
  );
  await states.created({ type: "prunejob", id: empty.id });
}

function addUpdateRoute(
  api: FastifyInstance,
  { files, changes, states }: DatastoreConfigOptions,
): void {
  addRoute(api, {
    method: "PUT",
    path: "/config/datastore/:name",
    description: "Changes the settings of a datastore; what is not given stays.",
    permit: needs("/datastore/{name}", "Datastore.Modify"),
    parameters: Type.Object({
      name: datastoreName,
      ...settings,
      delete: Type.Optional(
        Type.Array(Type.Enum(Object.keys(settings)), {
          description: "Properties to set back to their default.",
        }),
      ),
      digest: optionalConfigDigest,
    }),
    reply: Type.Null(),
    handle: async ({ name, delete: removed, digest: given, ...values }) => {
      const schedules: (string | undefined)[] = [];
      await files.datastores.update(({ sections, digest }) => {
        const section = findDatastore(sections, name);
        requireConfigDigest(digest, given);
        const changed = changedSection(section, values, removed);
        schedules.push(...[section, changed].map((each) => datastoreEntry(each).gcSchedule));
        return sections.map((each) => (each === section ? changed : each));
      });
      if (schedules[0] !== schedules[1]) {
        await states.rescheduled({ type: "garbage_collection", id: name });
      }
      await changes.follow(name);
      return null;
    },
  });
}

function addRemoveRoute(api: FastifyInstance, options: DatastoreConfigOptions): void {
  const { files, changes, jobs } = options;
  addRoute(api, {
    method: "DELETE",
    path: "/config/datastore/:name",
    description: "Takes a datastore out of service, in a task; on request with its data.",
    permit: needs("/datastore/{name}", "Datastore.Allocate"),
    parameters: Type.Object({
      name: datastoreName,
      "keep-job-configs": Type.Optional(
        Type.Boolean({
          default: false,
          description: "Whether jobs of the datastore stay in the configuration.",
        }),
      ),
      "destroy-data": Type.Optional(
        Type.Boolean({ default: false, description: "Whether its content is destroyed, too." }),
      ),
      digest: optionalConfigDigest,
    }),
    reply: Type.String(),
    handle: async ({ name, digest: given, ...flags }, { caller }) => {
      const { sections, digest } = await files.datastores.read();
      findDatastore(sections, name);
      requireConfigDigest(digest, given);
      leaveService(options, name);
      const task = { type: "delete-datastore", id: name, authId: caller };
      const job = await jobs.start(task, async (running) => {
        if (flags["keep-job-configs"] !== true) await removeJobs(options, name);
        const data = flags["destroy-data"] === true ? "destroyed" : "kept";
        await changes.remove(name, data, running);
        await options.states.remove({ type: "garbage_collection", id: name });
      });
      job.result.catch(() => undefined); // The task tells.
      return job.upid;
    },
  });
}

/** Lets nobody begin anything with a datastore any more, unless somebody is at work in it. */
function leaveService({ datastores, tasks }: DatastoreConfigOptions, name: string): void {
  const known = datastores.all().find(({ entry }) => entry.name === name);
  const running = tasksOn(tasks, name);
  if (running.length > 0) {
    throw refused(`datastore '${name}' is in use by ${running.length} running tasks`);
  }
  if (!known) return;
  const maintenance = { type: "delete", message: undefined, text: "type=delete" } as const;
  datastores.setEntry({ ...known.entry, maintenance });
}

async function removeJobs({ files, states }: DatastoreConfigOptions, store: string): Promise<void> {
  const kinds = [
    ["prunejob", files.pruneJobs],
    ["verificationjob", files.verifyJobs],
    ["syncjob", files.syncJobs],
  ] as const;
  for (const [type, file] of kinds) {
    const removed: string[] = [];
    await file.update(({ sections }) => {
      const isOfStore = ({ properties }: Section): boolean => properties.get("store") === store;
      removed.push(...sections.filter(isOfStore).map(({ id }) => id));
      return sections.filter((section) => !isOfStore(section));
    });
    for (const id of removed) await states.remove({ type, id });
  }
}

function findDatastore(sections: readonly Section[], name: string): Section {
  const section = datastoreSections(sections).find(({ id }) => id === name);
  if (!section) throw new ApiError("API_NOT_FOUND", `no such datastore '${name}'`);
  return section;
}

function replyOf(section: Section): Static<typeof entryReply> {
  const { path: folder } = datastoreEntry(section);
  return { name: section.id, ...sectionValues(section, stored), path: folder };
}

import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { type Privilege } from "../auth/privileges.ts";
import { isToken, ROOT_USER } from "../auth/auth-id.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { type SectionValues } from "../configuration/section-entry.ts";
import { type Datastores } from "../datastores.ts";
import { refused } from "../http/api-error.ts";
import {
  authIdSchema,
  configId,
  datastoreName,
  namespaceSchema,
  singleLineComment,
} from "../http/parameter-schema.ts";
import { decidedInside } from "../http/permission.ts";
import { type JobStates, type JobType } from "../jobs/job-states.ts";
import { byteSize, calendarEvent } from "../http/text-format.ts";
import { parseGroupFilter } from "../sync/group-filter.ts";
import { addConfigEntryRoutes, type EntryKind } from "./config-entry-routes.ts";
import { retentionParameters } from "./retention-parameters.ts";

/** What the routes of jobs work on. */
export interface JobConfigOptions {
  readonly files: ConfigFiles;
  readonly access: AccessControl;
  readonly datastores: Datastores;
  readonly states: JobStates;
}

const schedule = calendarEvent("When the job runs, as a calendar event.");
const depthMax = Type.Integer({
  minimum: 0,
  maximum: 7,
  description: "How many levels of namespaces below are included.",
});
const keepCount = Type.Integer({ minimum: 1, description: "How many snapshots this rule keeps." });
const rate = byteSize("Bytes a second, with a unit.");

/** {@link retentionParameters} as properties of a section. */
export const keepProperties: Readonly<Record<string, typeof keepCount>> = Object.fromEntries(
  Object.keys(retentionParameters).map((name) => [name, keepCount]),
);

/** `/config/prune`, `/config/verify` and `/config/sync`: jobs, in the genuine files (spec rest-api.md §7). */
export function addJobConfigRoutes(api: FastifyInstance, options: JobConfigOptions): void {
  addConfigEntryRoutes(api, pruneKind(options));
  addConfigEntryRoutes(api, verifyKind(options));
  addConfigEntryRoutes(api, syncKind(options));
}

/** Prune jobs as entries of the configuration. */
export function pruneKind(options: JobConfigOptions): EntryKind {
  return {
    ...datastoreJob(options, ["Datastore.Audit", "Datastore.Modify"], ["Datastore.Modify"]),
    path: "/config/prune",
    section: "prune",
    file: options.files.pruneJobs,
    onChanged: jobFollower("prunejob", options.states),
    noun: "prune job",
    properties: {
      store: datastoreName,
      schedule,
      disable: Type.Boolean({ description: "Whether the schedule is off." }),
      comment: singleLineComment,
      ns: namespaceSchema,
      "max-depth": depthMax,
      ...keepProperties,
    },
    required: ["store", "schedule"],
  };
}

/** Verification jobs as entries of the configuration. */
export function verifyKind(options: JobConfigOptions): EntryKind {
  return {
    ...datastoreJob(options, ["Datastore.Audit", "Datastore.Verify"], ["Datastore.Verify"]),
    path: "/config/verify",
    section: "verification",
    file: options.files.verifyJobs,
    onChanged: jobFollower("verificationjob", options.states),
    noun: "verification job",
    properties: {
      store: datastoreName,
      schedule,
      "ignore-verified": Type.Boolean({ description: "Whether verified snapshots are skipped." }),
      "outdated-after": Type.Integer({
        minimum: 0,
        description: "Days after which a verification counts no longer.",
      }),
      comment: singleLineComment,
      ns: namespaceSchema,
      "max-depth": depthMax,
    },
    required: ["store"],
  };
}

/** Keeps what is known about the runs of jobs in step with the configuration. */
function jobFollower(type: JobType, states: JobStates): NonNullable<EntryKind["onChanged"]> {
  return async (id, { before, after }) => {
    if (!after) await states.remove({ type, id });
    else if (!before) await states.created({ type, id });
    else if (before["schedule"] !== after["schedule"]) await states.rescheduled({ type, id });
  };
}

/** What jobs on one datastore have in common: who may see and change them. */
function datastoreJob(
  { access, datastores }: JobConfigOptions,
  reading: readonly Privilege[],
  changing: readonly Privilege[],
): Pick<EntryKind, "idName" | "permits" | "isVisible" | "requireChange" | "check"> {
  const where = "on the namespace of the job";
  const change = decidedInside(`${changing.join(" or ")} ${where}.`);
  return {
    idName: "id",
    permits: { read: decidedInside(`${reading.join(" or ")} ${where}.`), create: change, change },
    isVisible: (caller, _id, values) => access.hasAny(caller, placeOf(values), reading),
    requireChange: (caller, _id, values) => {
      access.require(caller, placeOf(values), changing);
    },
    check: (_id, values) => {
      requireKnown(datastores, textOf(values["store"]));
    },
  };
}

/** Sync jobs as entries of the configuration. */
export function syncKind({ files, access, datastores, states }: JobConfigOptions): EntryKind {
  const isVisible = (caller: AuthId, values: SectionValues): boolean =>
    access.hasAny(caller, placeOf(values), ["Datastore.Audit"]) &&
    (values["remote"] === undefined || access.hasAny(caller, remotePath(values), ["Remote.Audit"]));
  const change = decidedInside(
    "Datastore.Backup on the target, Remote.Read on the source (Datastore.Backup or Datastore.Read when it is local); Datastore.Prune on the target to remove what vanished, Datastore.Modify there to act as someone else.",
  );
  return {
    path: "/config/sync",
    idName: "id",
    section: "sync",
    file: files.syncJobs,
    onChanged: jobFollower("syncjob", states),
    noun: "sync job",
    properties: {
      store: datastoreName,
      ns: namespaceSchema,
      remote: configId("remote"),
      "remote-store": datastoreName,
      "remote-ns": namespaceSchema,
      owner: authIdSchema,
      "remove-vanished": Type.Boolean({ description: "Whether what is gone there goes here." }),
      "max-depth": depthMax,
      schedule,
      comment: singleLineComment,
      "group-filter": Type.Array(Type.String({ pattern: GROUP_FILTER_PATTERN, maxLength: 512 }), {
        description: "Which groups are included.",
      }),
      "transfer-last": Type.Integer({
        minimum: 1,
        description: "How many snapshots of a group are transferred at most.",
      }),
      "rate-in": rate,
      "rate-out": rate,
      "burst-in": rate,
      "burst-out": rate,
    },
    required: ["store", "remote-store"],
    permits: {
      read: decidedInside("Datastore.Audit on the target and Remote.Audit on the remote."),
      create: change,
      change,
    },
    isVisible: (caller, _id, values) => isVisible(caller, values),
    requireChange: (caller, _id, values) => {
      requireSyncChange(access, caller, values);
    },
    check: async (_id, values) => {
      const filter = values["group-filter"];
      if (typeof filter === "object") parseGroupFilter(filter); // It throws for what is no regular expression.
      requireKnown(datastores, textOf(values["store"]));
      const remote = values["remote"];
      if (remote === undefined) {
        requireKnown(datastores, textOf(values["remote-store"]));
        if (values["store"] === values["remote-store"]) {
          throw refused("source and target datastore can't be the same");
        }
        return;
      }
      const { sections } = await files.remotes.read();
      if (!sections.some(({ type, id }) => type === "remote" && id === remote)) {
        throw refused(`no such remote '${textOf(remote)}'`);
      }
    },
  };
}

/** What an entry of a group filter looks like (spec retention-gc-verify-sync.md §5.4). */
export const GROUP_FILTER_PATTERN =
  "^((include|exclude):)?(type:(vm|ct|host)|group:(vm|ct|host)/[A-Za-z0-9_][A-Za-z0-9._-]*|regex:.+)$";

/** Who may make or change a sync job: who may run it (spec retention-gc-verify-sync.md §5.1). */
function requireSyncChange(access: AccessControl, caller: AuthId, values: SectionValues): void {
  const target = placeOf(values);
  access.require(caller, target, ["Datastore.Backup"]);
  if (values["remove-vanished"] === true) access.require(caller, target, ["Datastore.Prune"]);
  const owner = textOf(values["owner"] ?? ROOT_USER);
  const isOwn = owner === caller || (!isToken(caller) && ownerUser(owner) === caller);
  if (!isOwn) access.require(caller, target, ["Datastore.Modify"]);
  if (values["remote"] === undefined) {
    const source = datastorePath(textOf(values["remote-store"]), textOf(values["remote-ns"]));
    access.require(caller, source, ["Datastore.Backup", "Datastore.Read"]);
  } else {
    const source = `${remotePath(values)}/${textOf(values["remote-store"])}`;
    access.require(caller, source, ["Remote.Read"]);
  }
}

function ownerUser(owner: string): string {
  const [user = ""] = owner.split("!");
  return user;
}

function remotePath(values: SectionValues): string {
  return `/remote/${textOf(values["remote"])}`;
}

function placeOf(values: SectionValues): string {
  return datastorePath(textOf(values["store"]), textOf(values["ns"]));
}

function requireKnown(datastores: Datastores, name: string): void {
  if (!datastores.all().some(({ entry }) => entry.name === name)) {
    throw refused(`no such datastore '${name}'`);
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

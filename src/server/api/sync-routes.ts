import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { refused } from "../http/api-error.ts";
import {
  configId,
  datastoreName,
  offByDefault,
  optionalNamespace,
} from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { byteSize } from "../http/text-format.ts";
import { type JobRunner } from "../jobs/job-runner.ts";
import { preparePull, type PullParts } from "../jobs/prepare-pull.ts";
import { readRemote } from "../jobs/read-remote.ts";
import { type RemoteAccess } from "../sync/sync-source.ts";

/** What the routes of synchronisation work on. */
export type SyncRouteOptions = PullParts & { readonly jobs: JobRunner };

const rate = Type.Optional(byteSize("Bytes a second, with a unit."));

/** Parameters of a pull, those of a manual one and of a job (spec retention-gc-verify-sync.md §5.1). */
const pullParameters = {
  store: datastoreName,
  ns: optionalNamespace,
  remote: Type.Optional(configId("remote")),
  "remote-store": datastoreName,
  "remote-ns": optionalNamespace,
  "remove-vanished": offByDefault,
  "max-depth": Type.Optional(Type.Integer({ minimum: 0, maximum: 7 })),
  "group-filter": Type.Optional(Type.Array(Type.String({ maxLength: 512 }))),
  "transfer-last": Type.Optional(Type.Integer({ minimum: 1 })),
  "rate-in": rate,
  "burst-in": rate,
  "rate-out": rate,
  "burst-out": rate,
};

const pullSchema = Type.Object(pullParameters);

type PullValues = Static<typeof pullSchema>;

/** Pulling from other datastores and servers, and looking at the latter (spec rest-api.md §6, §7). */
export function addSyncRoutes(api: FastifyInstance, options: SyncRouteOptions): void {
  addRoute(api, {
    method: "POST",
    path: "/pull",
    description: "Pulls snapshots of another datastore, of this server or of a remote one.",
    permit: decidedInside(
      "Datastore.Backup on the target, Datastore.Prune there to remove what vanished; Remote.Read on the remote's datastore, or Datastore.Backup or Datastore.Read on a local source.",
    ),
    parameters: pullSchema,
    reply: Type.String(),
    handle: async (values, { caller }) => {
      requirePull(options.access, caller, values);
      const work = await preparePull(options, caller, values);
      const job = await options.jobs.start(
        { type: "sync", id: values.store, authId: caller },
        work,
      );
      return job.upid;
    },
  });
  addScanRoutes(api, options);
}

/** Demands what a caller needs for a pull in its own name (spec retention-gc-verify-sync.md §5.1). */
function requirePull(access: AccessControl, caller: AuthId, values: PullValues): void {
  const target = datastorePath(values.store, values.ns ?? "");
  access.require(caller, target, ["Datastore.Backup"]);
  if (values["remove-vanished"] === true) access.require(caller, target, ["Datastore.Prune"]);
  if (values.remote === undefined) {
    const source = datastorePath(values["remote-store"], values["remote-ns"] ?? "");
    access.require(caller, source, ["Datastore.Backup", "Datastore.Read"]);
  } else {
    const source = `/remote/${values.remote}/${values["remote-store"]}`;
    access.require(caller, source, ["Remote.Read"]);
  }
}

function addScanRoutes(
  api: FastifyInstance,
  { files, remotes }: Pick<SyncRouteOptions, "files" | "remotes">,
): void {
  const reach = (): RemoteAccess => {
    if (!remotes) throw refused("this server cannot reach other servers");
    return remotes;
  };
  const permit = needs("/remote/{name}", "Remote.Audit");
  const limits = { bytesPerSec: undefined, burstBytes: undefined };
  addRoute(api, {
    method: "GET",
    path: "/config/remote/:name/scan",
    description: "Datastores of a remote server.",
    permit,
    parameters: Type.Object({ name: configId("remote") }),
    reply: Type.Array(Type.Object({ store: Type.String(), comment: Type.Optional(Type.String()) })),
    handle: async ({ name }) => {
      const signal = AbortSignal.timeout(SCAN_TIMEOUT_MS);
      const stores = await reach().listDatastores(await readRemote(files, name), signal);
      return stores.map(({ store, comment }) => ({
        store,
        ...(comment === undefined ? {} : { comment }),
      }));
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/config/remote/:name/scan/:store/namespaces",
    description: "Namespaces of a datastore of a remote server.",
    permit,
    parameters: Type.Object({ name: configId("remote"), store: datastoreName }),
    reply: Type.Array(Type.Object({ ns: Type.String() })),
    handle: async ({ name, store }) => {
      const source = await reach().open(await readRemote(files, name), store, limits);
      try {
        const signal = AbortSignal.timeout(SCAN_TIMEOUT_MS);
        return (await source.listNamespaces(parseNamespace(""), 7, signal)).map((ns) => ({ ns }));
      } finally {
        await source[Symbol.asyncDispose]();
      }
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/config/remote/:name/scan/:store/groups",
    description: "Groups of a namespace of a datastore of a remote server.",
    permit,
    parameters: Type.Object({
      name: configId("remote"),
      store: datastoreName,
      namespace: optionalNamespace,
    }),
    reply: Type.Array(
      Type.Object({
        "backup-type": Type.String(),
        "backup-id": Type.String(),
        "last-backup": Type.Integer(),
        "backup-count": Type.Integer(),
        files: Type.Array(Type.String()),
        owner: Type.Optional(Type.String()),
        comment: Type.Optional(Type.String()),
      }),
    ),
    handle: async ({ name, store, namespace }) => {
      const remote = await readRemote(files, name);
      const place = { store, namespace: parseNamespace(namespace ?? "") };
      const signal = AbortSignal.timeout(SCAN_TIMEOUT_MS);
      const groups = await reach().listGroups(remote, place, signal);
      return groups.map(({ group, lastBackupSec, backupCount, ...rest }) => ({
        "backup-type": group.type,
        "backup-id": group.id,
        "last-backup": lastBackupSec,
        "backup-count": backupCount,
        ...rest,
        files: [...rest.files],
      }));
    },
  });
}

/** Time for another server to say what it has, in milliseconds; ours. */
const SCAN_TIMEOUT_MS = 60_000;

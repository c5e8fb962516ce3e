import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { NAMESPACE_DEPTH_MAX } from "../../format/limits.ts";
import { type Namespace, namespacePath } from "../../format/snapshot/namespace.ts";
import { backupGroupText } from "../../format/snapshot/snapshot-id.ts";
import { refused } from "../http/api-error.ts";
import { backupId, backupTime, backupType, onByDefault } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { type JobRunner } from "../jobs/job-runner.ts";
import { verifyInTask, verifyNamespaces, type VerifyParts } from "../jobs/verify-namespaces.ts";
import { type VerifyFilter, type VerifyRun } from "../jobs/verify-run.ts";
import { type Datastore } from "../store/datastore.ts";
import { type Task } from "../tasks/task.ts";
import { type ContentOptions, openGroup, openPlace, placeParameters } from "./content-access.ts";
import { jobScope } from "../jobs/job-scope.ts";

const verified = { full: ["Datastore.Verify"], own: ["Datastore.Backup"] } as const;

/** What the verification routes work on. */
export type VerifyRouteOptions = ContentOptions & VerifyParts & { readonly jobs: JobRunner };

/** Verification of a snapshot, a group, or everything in a namespace and below (spec rest-api.md §5). */
export function addVerifyRoutes(api: FastifyInstance, options: VerifyRouteOptions): void {
  const { access, jobs } = options;
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/verify",
    description: "Verifies a snapshot, a group, or a namespace and those below, as a task.",
    permit: needsContent(verified),
    parameters: Type.Object({
      ...placeParameters,
      "backup-type": Type.Optional(backupType),
      "backup-id": Type.Optional(backupId),
      "backup-time": Type.Optional(backupTime),
      "max-depth": Type.Optional(Type.Integer({ minimum: 0, maximum: NAMESPACE_DEPTH_MAX })),
      "ignore-verified": onByDefault,
      "outdated-after": Type.Optional(Type.Integer({ minimum: 0 })),
    }),
    reply: Type.String(),
    handle: async (parameters, { caller }) => {
      const { "backup-type": type, "backup-id": id, "backup-time": timeSec } = parameters;
      const filter: VerifyFilter = {
        verified: parameters["ignore-verified"] === false ? "verify" : "skip",
        outdatedAfterDays: parameters["outdated-after"],
      };
      const start = async (
        datastore: Datastore,
        kind: { readonly type: string; readonly id: string },
        work: (run: VerifyRun, task: Task) => Promise<void>,
      ): Promise<string> => {
        const job = await jobs.start({ ...kind, authId: caller }, async (task) => {
          await verifyInTask(options, { datastore, filter, task }, async (run) => {
            await work(run, task);
          });
        });
        return job.upid;
      };
      if (type !== undefined && id !== undefined) {
        const wanted = { ...parameters, "backup-type": type, "backup-id": id };
        const { datastore, namespace, group } = await openGroup(options, caller, wanted, verified);
        const groupId = `${datastore.name}:${namespacePath(namespace)}/${backupGroupText(group)}`;
        if (timeSec === undefined) {
          return await start(datastore, { type: "verify_group", id: groupId }, async (run) => {
            await run.verifyGroup({ namespace, group });
          });
        }
        const hexTime = timeSec.toString(16).toUpperCase().padStart(8, "0");
        const kind = { type: "verify_snapshot", id: `${groupId}/${hexTime}` };
        return await start(datastore, kind, async (run) => {
          await run.verifySnapshot(namespace, { ...group, timeSec });
        });
      }
      if (type !== undefined || id !== undefined || timeSec !== undefined) {
        throw refused("parameters do not specify a backup group or snapshot");
      }
      const { datastore, namespace } = await openPlace(options, caller, parameters, verified);
      const kind = { type: "verify", id: placeText(datastore, namespace) };
      return await start(datastore, kind, async (run, task) => {
        task.log(`verify datastore ${datastore.name}`);
        await verifyNamespaces(run, datastore, {
          namespace,
          depthMax: parameters["max-depth"] ?? Infinity,
          scopeOf: jobScope(access, { authId: caller, store: datastore.name }, verified),
          authId: caller,
        });
      });
    },
  });
}

function placeText(datastore: Datastore, namespace: Namespace): string {
  return namespace === "" ? datastore.name : `${datastore.name}:${namespacePath(namespace)}`;
}

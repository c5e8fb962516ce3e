import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { datastorePath } from "../auth/access-control.ts";
import { refused } from "../http/api-error.ts";
import { datastoreName } from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { collectDatastore } from "../jobs/collect-datastore.ts";
import { type JobRunner } from "../jobs/job-runner.ts";
import { type Datastore } from "../store/datastore.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { collectionMembers, lastCollection } from "./collection-reply.ts";
import { type ContentOptions } from "./content-access.ts";

/** What the collection routes work on. */
export type CollectionRouteOptions = ContentOptions & {
  readonly jobs: JobRunner;
  readonly tasks: TaskRegistry;
};

const reply = Type.Object({
  ...collectionMembers,
  store: Type.String(),
  schedule: Type.Optional(Type.String()),
  "last-run-upid": Type.Optional(Type.String()),
  "last-run-state": Type.Optional(Type.String()),
  "last-run-endtime": Type.Optional(Type.Integer()),
  "next-run": Type.Optional(Type.Integer()),
  duration: Type.Optional(Type.Integer()),
});

/** Garbage collection: start, and what the last run came to (spec rest-api.md §5, §6). */
export function addCollectionRoutes(api: FastifyInstance, options: CollectionRouteOptions): void {
  const { datastores, access, jobs, tasks } = options;
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/gc",
    description: "Figures of the last garbage collection.",
    permit: needs("/datastore/{store}", "Datastore.Audit"),
    parameters: Type.Object({ store: datastoreName }),
    reply,
    handle: async ({ store }) => await describe(datastores.require(store, "read"), tasks),
  });
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/gc",
    description: "Starts a garbage collection.",
    permit: needs("/datastore/{store}", "Datastore.Modify"),
    parameters: Type.Object({ store: datastoreName }),
    reply: Type.String(),
    handle: async ({ store }, { caller }) => {
      const datastore = datastores.require(store, "write");
      if (datastore.processLock.isCollecting) {
        throw refused(`garbage collection is already running on datastore '${store}'`);
      }
      const name = { type: "garbage_collection", id: store, authId: caller };
      const job = await jobs.start(name, async (task) => {
        await collectDatastore(datastore, task);
      });
      return job.upid;
    },
  });
  for (const path of ["/admin/gc", "/admin/gc/:store"]) {
    addRoute(api, {
      method: "GET",
      path,
      description: "Figures of the last garbage collection of every datastore, or of one.",
      permit: decidedInside("Datastore.Audit on `/datastore/{store}`; filtered."),
      parameters: Type.Object({ store: Type.Optional(datastoreName) }),
      reply: Type.Array(reply),
      handle: async ({ store }, { caller }) => {
        const shown: Static<typeof reply>[] = [];
        for (const { datastore } of datastores.list()) {
          if (store !== undefined && datastore.name !== store) continue;
          const aclPath = datastorePath(datastore.name, "");
          if (!access.hasAny(caller, aclPath, ["Datastore.Audit"])) continue;
          shown.push(await describe(datastore, tasks));
        }
        return shown;
      },
    });
  }
}

async function describe(datastore: Datastore, tasks: TaskRegistry): Promise<Static<typeof reply>> {
  const status = await lastCollection(datastore);
  const task = status.upid === null ? undefined : tasks.find(status.upid);
  return {
    ...status,
    store: datastore.name,
    ...(task?.end && {
      "last-run-state": task.end.status,
      "last-run-endtime": task.end.endSec,
      duration: task.end.endSec - task.parts.startSec,
    }),
  };
}

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { datastorePath } from "../auth/access-control.ts";
import { datastoreName } from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { collectionJob } from "../jobs/collection-job.ts";
import { type JobStarter } from "../jobs/job-starter.ts";
import { type JobStates } from "../jobs/job-states.ts";
import { parseUpid } from "../tasks/upid.ts";
import { collectionMembers, lastCollection } from "./collection-reply.ts";
import { type ContentOptions } from "./content-access.ts";
import { jobStatus, jobStatusMembers } from "./job-status.ts";

/** What the collection routes work on. */
export type CollectionRouteOptions = ContentOptions & {
  readonly starter: JobStarter;
  readonly states: JobStates;
  /** The zone in which schedules are read now. */
  readonly zone: () => TimeZone;
};

const reply = Type.Object({
  ...collectionMembers,
  ...jobStatusMembers,
  store: Type.String(),
  schedule: Type.Optional(Type.String()),
  duration: Type.Optional(Type.Integer({ description: "Seconds that the last run took." })),
});

/** Garbage collection: start, and what the last run came to (spec rest-api.md §5, §6). */
export function addCollectionRoutes(api: FastifyInstance, options: CollectionRouteOptions): void {
  const { datastores, access, starter } = options;
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/gc",
    description: "Figures of the last garbage collection, and when the next one is due.",
    permit: needs("/datastore/{store}", "Datastore.Audit"),
    parameters: Type.Object({ store: datastoreName }),
    reply,
    handle: async ({ store }) => {
      datastores.require(store, "read");
      return await describe(options, store);
    },
  });
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/gc",
    description: "Starts a garbage collection.",
    permit: needs("/datastore/{store}", "Datastore.Modify"),
    parameters: Type.Object({ store: datastoreName }),
    reply: Type.String(),
    handle: async ({ store }, { caller }) => {
      const job = collectionJob({ name: store, gcSchedule: undefined }, datastores);
      return await starter.start(job, { kind: "hand", authId: caller });
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
        for (const { entry } of datastores.list()) {
          if (store !== undefined && entry.name !== store) continue;
          const aclPath = datastorePath(entry.name, "");
          if (!access.hasAny(caller, aclPath, ["Datastore.Audit"])) continue;
          shown.push(await describe(options, entry.name));
        }
        return shown;
      },
    });
  }
}

async function describe(
  { datastores, states, zone }: CollectionRouteOptions,
  store: string,
): Promise<Static<typeof reply>> {
  const found = datastores.list().find(({ entry }) => entry.name === store);
  if (!found) throw new TypeError("the datastore was found a moment ago");
  const schedule = found.entry.gcSchedule;
  const state = await states.read({ type: "garbage_collection", id: store });
  const { "last-run-upid": upid, ...run } = jobStatus(state, schedule, zone());
  const startSec = upid === undefined ? undefined : parseUpid(upid)?.startSec;
  const endSec = run["last-run-endtime"];
  return {
    ...(await lastCollection(found.datastore)),
    store,
    ...run,
    ...(upid === undefined ? {} : { "last-run-upid": upid }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(startSec === undefined || endSec === undefined ? {} : { duration: endSec - startSec }),
  };
}

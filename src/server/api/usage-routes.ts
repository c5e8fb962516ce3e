import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type Clock } from "../../format/clock.ts";
import { BackupError } from "../../format/backup-error.ts";
import { datastorePath } from "../auth/access-control.ts";
import { type KnownDatastore } from "../datastores.ts";
import { historyConsolidation, historyTimeframe } from "../http/history-parameters.ts";
import { datastoreName } from "../http/parameter-schema.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { estimateFullDate } from "../node/full-date.ts";
import { type MetricHistory, timeframes } from "../node/metric-history.ts";
import { datastoreSource } from "../node/metric-recorder.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { tasksOn } from "../tasks/tasks-on.ts";
import { type ContentOptions } from "./content-access.ts";
import { collectionMembers, lastCollection } from "./collection-reply.ts";
import { VISIBLE } from "./datastore-routes.ts";
import { historyReply } from "./node-routes.ts";

/** What the routes about the use of datastores work on. */
export interface UsageRouteOptions extends ContentOptions {
  readonly clock: Clock;
  readonly history: MetricHistory;
  readonly tasks: TaskRegistry;
}

const usageReply = Type.Object({
  store: Type.String(),
  total: Type.Optional(Type.Number()),
  used: Type.Optional(Type.Number()),
  avail: Type.Optional(Type.Number()),
  "gc-status": Type.Optional(Type.Object(collectionMembers)),
  history: Type.Optional(
    Type.Array(Type.Union([Type.Number(), Type.Null()]), {
      description: "Used part of a month, 0 to 1, oldest first.",
    }),
  ),
  "history-start": Type.Optional(Type.Integer({ description: "Time of the first step." })),
  "history-delta": Type.Optional(Type.Integer({ description: "Seconds of a step." })),
  "estimated-full-date": Type.Optional(
    Type.Integer({ description: "When it will be full; in the past if it is not filling up." }),
  ),
  error: Type.Optional(Type.String({ description: "Why it cannot be used." })),
});

/** How full datastores are, were and will be, and how busy (spec rest-api.md §5.7, §8). */
export function addUsageRoutes(api: FastifyInstance, options: UsageRouteOptions): void {
  const { datastores, access, clock, history, tasks } = options;
  addRoute(api, {
    method: "GET",
    path: "/status/datastore-usage",
    description: "Space of every datastore, its history, and when it will be full.",
    permit: decidedInside(
      "Datastore.Audit or Datastore.Backup on `/datastore/{store}`; with any privilege below it, the name only.",
    ),
    parameters: Type.Object({}),
    reply: Type.Array(usageReply),
    handle: async (_parameters, { caller }) => {
      const replies: Static<typeof usageReply>[] = [];
      for (const known of datastores.all()) {
        const path = datastorePath(known.entry.name, "");
        if (access.hasAny(caller, path, ["Datastore.Audit", "Datastore.Backup"])) {
          replies.push(await describeUsage(options, known));
        } else if (access.hasAnyBelow(caller, path, VISIBLE)) {
          replies.push({ store: known.entry.name });
        }
      }
      return replies;
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/rrd",
    description: "History of a datastore: space and disk.",
    permit: needs("/datastore/{store}", "Datastore.Audit", "Datastore.Backup"),
    parameters: Type.Object({
      store: datastoreName,
      timeframe: historyTimeframe,
      cf: historyConsolidation,
    }),
    reply: historyReply,
    handle: async ({ store, timeframe, cf }) => {
      datastores.require(store, "read");
      const wanted = { timeframe, consolidation: cf };
      return [...(await history.read(datastoreSource(store), clock.nowSec(), wanted))];
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/active-operations",
    description: "How many tasks read and write in a datastore now.",
    permit: needs("/datastore/{store}", "Datastore.Audit"),
    parameters: Type.Object({ store: datastoreName }),
    reply: Type.Object({ read: Type.Integer(), write: Type.Integer() }),
    handle: ({ store }) => {
      datastores.require(store, "read");
      const operations = { read: 0, write: 0 };
      for (const { parts } of tasksOn(tasks, store)) {
        operations[READING_TASKS.test(parts.type) ? "read" : "write"] += 1;
      }
      return operations;
    },
  });
}

/** Types of tasks that leave the content of a datastore as it is. */
const READING_TASKS = /^(reader|verif)/;

async function describeUsage(
  { datastores, clock, history }: UsageRouteOptions,
  { entry }: KnownDatastore,
): Promise<Static<typeof usageReply>> {
  const { name } = entry;
  try {
    const datastore = datastores.require(name, "read");
    const { totalBytes, usedBytes, availableBytes } = await datastore.space();
    return {
      store: name,
      total: totalBytes,
      used: usedBytes,
      avail: availableBytes,
      "gc-status": await lastCollection(datastore),
      ...(await describeHistory(history, name, clock.nowSec())),
    };
  } catch (error) {
    if (error instanceof BackupError) return { store: name, error: error.message };
    throw error;
  }
}

async function describeHistory(
  history: MetricHistory,
  store: string,
  nowSec: number,
): Promise<
  Pick<
    Static<typeof usageReply>,
    "history" | "history-start" | "history-delta" | "estimated-full-date"
  >
> {
  const wanted = { timeframe: "month", consolidation: "AVERAGE" } as const;
  const rows = await history.read(datastoreSource(store), nowSec, wanted);
  const points: (readonly [number, number])[] = [];
  const parts = rows.map((row) => {
    const { time, total, used } = row;
    if (total === undefined || used === undefined || total === 0) return null;
    points.push([time, used / total]);
    return used / total;
  });
  const fullDate = estimateFullDate(points);
  return {
    history: parts,
    "history-start": rows[0]?.time ?? nowSec,
    "history-delta": timeframes.month.stepSec,
    ...(fullDate === undefined ? {} : { "estimated-full-date": fullDate }),
  };
}

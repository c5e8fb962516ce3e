import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { BackupError } from "../../format/backup-error.ts";
import { type Clock } from "../../format/clock.ts";
import { datastorePath } from "../auth/access-control.ts";
import { type Datastores, type KnownDatastore } from "../datastores.ts";
import { decidedInside } from "../http/permission.ts";
import { addRoute, RawReply } from "../http/route.ts";
import { resultOf } from "../jobs/job-state.ts";
import { type JobStates } from "../jobs/job-states.ts";
import { groupMetrics, type GroupMetrics } from "../metrics/group-metrics.ts";
import { type DatastoreMetrics, metricsText } from "../metrics/metrics-text.ts";
import { type RequestFigures } from "../metrics/request-figures.ts";
import { readMachineStatus } from "../node/machine-status.ts";
import { type MetricRecorder } from "../node/metric-recorder.ts";
import { type OverdueCheck } from "../overdue/overdue-check.ts";
import { type WatchedGroup } from "../overdue/watched-group.ts";
import { type TaskRegistry } from "../tasks/task-registry.ts";
import { lastCollection } from "./collection-reply.ts";
import { type ContentOptions } from "./content-access.ts";
import { type Product } from "./version-routes.ts";

/** What the metrics are made of. */
export type MetricsRouteOptions = ContentOptions & {
  readonly clock: Clock;
  readonly tasks: TaskRegistry;
  readonly states: JobStates;
  readonly product: Product;
  readonly overdue: OverdueCheck;
  readonly recorder: MetricRecorder;
  readonly requests: RequestFigures;
};

/** `GET /amber/metrics`, also `GET /metrics`: figures for Prometheus, as far as the caller may see them. */
export function addMetricsRoutes(api: FastifyInstance, options: MetricsRouteOptions): void {
  const { datastores, access, clock, tasks, product } = options;
  addRoute(api, {
    method: "GET",
    path: "/amber/metrics",
    description: "Figures for Prometheus: groups, verification, collection, disks, sessions.",
    permit: decidedInside(
      "Datastore.Audit on `/datastore/{store}` for what is in it; Sys.Audit on `/system/tasks` for sessions, on `/system/status` for the machine and requests.",
    ),
    produces: "text/plain",
    parameters: Type.Object({}),
    reply: Type.Null(),
    handle: async (_parameters, { caller }) => {
      const shown: DatastoreMetrics[] = [];
      for (const known of datastores.all()) {
        const path = datastorePath(known.entry.name, "");
        if (!access.hasAny(caller, path, ["Datastore.Audit"])) continue;
        shown.push(await describe(options, known));
      }
      const seesTasks = access.hasAny(caller, "/system/tasks", ["Sys.Audit"]);
      const seesMachine = access.hasAny(caller, "/system/status", ["Sys.Audit"]);
      const text = await metricsText({
        nowSec: clock.nowSec(),
        version: product.version,
        datastores: shown,
        machine: seesMachine
          ? { ...(await readMachineStatus()), ...(await options.recorder.processorLoad()) }
          : undefined,
        runningTasks: seesTasks ? runningTasks(tasks) : undefined,
      });
      const ofRequests = seesMachine ? await options.requests.text() : "";
      const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
      return new RawReply(Buffer.from(`${text}${ofRequests}`), headers);
    },
  });
}

/** A datastore that is out of service, or fails, has no figures but its name. */
async function describe(
  { datastores, states, overdue }: MetricsRouteOptions & { readonly datastores: Datastores },
  { entry: { name } }: KnownDatastore,
): Promise<DatastoreMetrics> {
  const state = await states.read({ type: "garbage_collection", id: name });
  const last = "Finished" in state ? resultOf(state.Finished.state) : undefined;
  const isGood = (status: string): boolean => status === "OK" || status.startsWith("WARNINGS");
  const collectedSec = last && isGood(last.status) ? last.endSec : undefined;
  const groups: GroupMetrics[] = [];
  try {
    const datastore = datastores.require(name, "read");
    for await (const group of groupMetrics(datastore)) groups.push(group);
    const space = await datastore.space();
    const watched = await watchedAmong(overdue, name, groups);
    return {
      name,
      space,
      collection: await lastCollection(datastore),
      collectedSec,
      groups,
      watched,
    };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { name, space: undefined, collection: undefined, collectedSec, groups: [], watched: [] };
  }
}

/** Rules that cannot be read take away what is said about them, no more; the check of the groups logs why. */
async function watchedAmong(
  overdue: OverdueCheck,
  name: string,
  groups: readonly GroupMetrics[],
): Promise<readonly WatchedGroup[]> {
  try {
    return await overdue.watchedAmong(name, groups);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return [];
  }
}

function runningTasks(tasks: TaskRegistry): ReadonlyMap<string, number> {
  const counts = new Map<string, number>([
    ["backup", 0],
    ["reader", 0],
  ]);
  for (const { parts, end } of tasks.list()) {
    if (end) break; // Running ones come first.
    counts.set(parts.type, (counts.get(parts.type) ?? 0) + 1);
  }
  return counts;
}

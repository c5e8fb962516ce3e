import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { TimeZone } from "../../format/schedule/time-zone.ts";
import { NAMESPACE_DEPTH_MAX } from "../../format/limits.ts";
import { type Namespace, rootNamespace } from "../../format/snapshot/namespace.ts";
import { retentionReasonText } from "../../format/snapshot/retention.ts";
import { offByDefault } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { groupsBelow } from "../jobs/groups-below.ts";
import { type JobRunner } from "../jobs/job-runner.ts";
import { datastorePruneText, pruneGroup, pruneGroups } from "../jobs/prune-groups.ts";
import { type PlannedSnapshot } from "../store/plan-prune.ts";
import { groupPath } from "../store/store-path.ts";
import {
  type ContentOptions,
  groupParameters,
  openGroup,
  openPlace,
  placeParameters,
} from "./content-access.ts";
import { jobScope } from "../jobs/job-scope.ts";
import { retentionOf, retentionParameters } from "./retention-parameters.ts";

const pruned = {
  full: ["Datastore.Modify"],
  own: ["Datastore.Prune"],
  operation: "write",
} as const;

const pruneReply = Type.Array(
  Type.Object({
    "backup-type": Type.String(),
    "backup-id": Type.String(),
    "backup-time": Type.Integer(),
    keep: Type.Boolean(),
    protected: Type.Boolean(),
    ns: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
  }),
);

/** What the prune routes work on. */
export type PruneRouteOptions = ContentOptions & { readonly jobs: JobRunner };

/**
 * Pruning of a group and of a datastore (spec rest-api.md §5, retention-gc-verify-sync.md §1.4).
 *
 * Ours: with `explain`, a dry run says for every snapshot which rule keeps or drops it.
 */
export function addPruneRoutes(api: FastifyInstance, options: PruneRouteOptions): void {
  const { access, jobs } = options;
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/prune",
    description: "Thins out the snapshots of a group, or says what would go.",
    permit: needsContent(pruned),
    parameters: Type.Object({
      ...groupParameters,
      ...retentionParameters,
      "dry-run": offByDefault,
      "use-task": offByDefault,
      explain: offByDefault,
    }),
    reply: Type.Union([pruneReply, Type.String()]),
    handle: async (parameters, { caller }) => {
      const { datastore, ...place } = await openGroup(options, caller, parameters, pruned);
      const retention = retentionOf(parameters);
      const zone = new TimeZone();
      if (parameters["dry-run"] === true) {
        const plan = await datastore.planPrune({ ...place, retention, zone });
        const details = parameters.explain === true ? "explained" : "plain";
        return plan.map((planned) => replyOf(planned, { namespace: place.namespace, details }));
      }
      const path = groupPath(place.namespace, place.group);
      const name = { type: "prune", id: `${datastore.name}:${path}`, authId: caller };
      const job = await jobs.start(name, async (task) => {
        const prune = { datastore, retention, zone, effect: "remove" } as const;
        return await pruneGroup(prune, place, task);
      });
      if (parameters["use-task"] === true) return job.upid;
      const plan = await job.result;
      return plan.map((planned) =>
        replyOf(planned, { namespace: rootNamespace, details: "plain" }),
      );
    },
  });
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/prune-datastore",
    description: "Thins out the snapshots of all groups of a namespace and of those below.",
    permit: needsContent(pruned),
    parameters: Type.Object({
      ...placeParameters,
      ...retentionParameters,
      "dry-run": offByDefault,
      "max-depth": Type.Optional(Type.Integer({ minimum: 0, maximum: NAMESPACE_DEPTH_MAX })),
    }),
    reply: Type.String(),
    handle: async (parameters, { caller }) => {
      const { datastore, namespace } = await openPlace(options, caller, parameters, pruned);
      const depthMax = parameters["max-depth"];
      const id = namespace === "" ? datastore.name : `${datastore.name}:${namespace}`;
      const job = await jobs.start({ type: "prune", id, authId: caller }, async (task) => {
        task.log(datastorePruneText(datastore, namespace, depthMax));
        const groups = groupsBelow(datastore, {
          namespace,
          depthMax: depthMax ?? Infinity,
          scopeOf: jobScope(access, { authId: caller, store: datastore.name }, pruned),
          authId: caller,
        });
        const effect = parameters["dry-run"] === true ? "plan" : "remove";
        const retention = retentionOf(parameters);
        await pruneGroups({ datastore, retention, zone: new TimeZone(), effect }, groups, task);
      });
      return job.upid;
    },
  });
}

function replyOf(
  { snapshot, mark, reason }: PlannedSnapshot,
  {
    namespace,
    details,
  }: { readonly namespace: Namespace; readonly details: "plain" | "explained" },
): Static<typeof pruneReply>[number] {
  return {
    "backup-type": snapshot.type,
    "backup-id": snapshot.id,
    "backup-time": snapshot.timeSec,
    keep: mark !== "remove",
    protected: snapshot.isProtected,
    ...(namespace === "" ? {} : { ns: namespace }),
    ...(details === "explained" ? { reason: retentionReasonText(reason) } : {}),
  };
}

import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { type Retention, retentionRules } from "../../format/snapshot/retention.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type AccessControl } from "../auth/access-control.ts";
import { jobEntry, numberProperty } from "../configuration/job-config.ts";
import { type Section } from "../configuration/section-config.ts";
import { type Datastores } from "../datastores.ts";
import { groupsBelow } from "./groups-below.ts";
import { jobScope } from "./job-scope.ts";
import { datastorePruneText, pruneGroups } from "./prune-groups.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

const pruned = { full: ["Datastore.Modify"], own: ["Datastore.Prune"] } as const;

/** What prune jobs work with. */
export interface PruneJobParts {
  readonly datastores: Datastores;
  readonly access: AccessControl;
  /** Where days and weeks are told. */
  readonly zone: () => TimeZone;
}

/** The job that a section of `prune.cfg` describes (spec retention-gc-verify-sync.md §1.5). */
export function pruneJob(section: Section, parts: PruneJobParts): ScheduledJob {
  const { id, store, namespace: ns, schedule, isEnabled, depthMax } = jobEntry(section);
  return {
    type: "prunejob",
    id,
    workerId: ns === "" ? store : `${store}:${ns}`,
    store,
    schedule: isEnabled ? schedule : undefined,
    title: `prune job '${id}'`,
    prepare: (authId) => {
      const datastore = parts.datastores.require(store, "write");
      const namespace = parseNamespace(ns);
      const retention = retentionIn(section);
      return async (task) => {
        task.log(datastorePruneText(datastore, namespace, depthMax));
        const groups = groupsBelow(datastore, {
          namespace,
          depthMax: depthMax ?? Infinity,
          scopeOf: jobScope(parts.access, { authId, store }, pruned),
          authId,
        });
        const zone = parts.zone();
        await pruneGroups({ datastore, retention, zone, effect: "remove" }, groups, task);
      };
    },
  };
}

function retentionIn({ properties }: Section): Retention {
  const retention: Partial<Record<(typeof retentionRules)[number], number>> = {};
  for (const rule of retentionRules) {
    const count = numberProperty(properties, `keep-${rule}`);
    if (count !== undefined) retention[rule] = count;
  }
  return retention;
}

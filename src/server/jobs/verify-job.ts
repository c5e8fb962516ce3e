import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { type AccessControl } from "../auth/access-control.ts";
import { jobEntry, numberProperty } from "../configuration/job-config.ts";
import { type Section } from "../configuration/section-config.ts";
import { isTrueText } from "../configuration/section-entry.ts";
import { type Datastores } from "../datastores.ts";
import { jobScope } from "./job-scope.ts";
import { type ScheduledJob } from "./scheduled-job.ts";
import { verifyInTask, verifyNamespaces, type VerifyParts } from "./verify-namespaces.ts";

const verified = { full: ["Datastore.Verify"], own: ["Datastore.Backup"] } as const;

/** What verification jobs work with. */
export type VerifyJobParts = VerifyParts & {
  readonly datastores: Datastores;
  readonly access: AccessControl;
};

/** The job that a section of `verification.cfg` describes (spec retention-gc-verify-sync.md §4.1). */
export function verifyJob(section: Section, parts: VerifyJobParts): ScheduledJob {
  const { id, store, namespace: ns, schedule, isEnabled, depthMax } = jobEntry(section);
  const { properties } = section;
  return {
    type: "verificationjob",
    id,
    workerId: `${store}:${id}`,
    store,
    schedule: isEnabled ? schedule : undefined,
    title: `verification job '${id}'`,
    prepare: (authId) => {
      const datastore = parts.datastores.require(store, "read");
      const namespace = parseNamespace(ns);
      const filter = {
        verified: isTrueText(properties.get("ignore-verified") ?? "1") ? "skip" : "verify",
        outdatedAfterDays: numberProperty(properties, "outdated-after"),
      } as const;
      return async (task) => {
        task.log(`verify datastore ${store}`);
        await verifyInTask(parts, { datastore, filter, task }, async (run) => {
          await verifyNamespaces(run, datastore, {
            namespace,
            depthMax: depthMax ?? Infinity,
            scopeOf: jobScope(parts.access, { authId, store }, verified),
            authId,
          });
        });
      };
    },
  };
}

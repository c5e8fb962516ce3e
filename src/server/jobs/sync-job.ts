import { parseAuthId } from "../../format/snapshot/auth-id.ts";
import { ROOT_USER } from "../auth/auth-id.ts";
import { jobEntry, numberProperty } from "../configuration/job-config.ts";
import { type Section } from "../configuration/section-config.ts";
import { isTrueText } from "../configuration/section-entry.ts";
import { preparePull, type PullOrder, type PullParts } from "./prepare-pull.ts";
import { type ScheduledJob } from "./scheduled-job.ts";

/**
 * The job that a section of `sync.cfg` describes (spec retention-gc-verify-sync.md §5.1).
 *
 * Whoever starts it, it works in the name of its owner.
 */
export function syncJob(section: Section, parts: PullParts): ScheduledJob {
  const { id, store, namespace, schedule, isEnabled, depthMax } = jobEntry(section);
  const { properties } = section;
  const remote = properties.get("remote");
  const sourceStore = properties.get("remote-store") ?? "";
  return {
    type: "syncjob",
    id,
    workerId: [remote ?? "-", sourceStore, store, namespace, id].join(":"),
    store,
    schedule: isEnabled ? schedule : undefined,
    title: `Starting datastore sync job '${id}'`,
    prepare: async () => {
      const text = (name: string): string | undefined => properties.get(name);
      const order = {
        store,
        ns: namespace,
        remote,
        "remote-store": sourceStore,
        "remote-ns": text("remote-ns"),
        "remove-vanished": isTrueText(text("remove-vanished") ?? "0"),
        "max-depth": depthMax,
        "group-filter": text("group-filter")?.split("\n"),
        "transfer-last": numberProperty(properties, "transfer-last"),
        "rate-in": text("rate-in"),
        "burst-in": text("burst-in"),
      };
      const owner = parseAuthId(text("owner") ?? ROOT_USER);
      const work = await preparePull(parts, owner, present(order));
      return async (task) => {
        await work(task);
        task.log(`sync job '${id}' end`);
      };
    },
  };
}

/** The order without members that have no value. */
function present(
  order: {
    readonly [Name in keyof PullOrder]-?: PullOrder[Name] | undefined;
  } & Pick<PullOrder, "store" | "remote-store">,
): PullOrder {
  return {
    ...Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined)),
    store: order.store,
    "remote-store": order["remote-store"],
  };
}

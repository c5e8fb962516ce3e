import { type DatastoreUsage } from "../api/datastore-api.ts";
import { groupKey, type WatchedGroup, watchedName } from "../api/overdue-api.ts";
import { percentText } from "../parts/size-text.ts";
import { agoText, durationText } from "../parts/time-text.ts";
import { dashboardWords as words } from "../strings/dashboard-words.ts";
import { type GroupHealth } from "./group-health.ts";

/** What can be done about a finding. */
export type FindingAct =
  | { readonly kind: "show content"; readonly store: string; readonly ns: string }
  | { readonly kind: "show task"; readonly upid: string }
  | { readonly kind: "verify" | "collect"; readonly store: string };

/** One thing that needs attention, in words, with a way to act. */
export interface Finding {
  readonly key: string;
  readonly severity: "bad" | "warning";
  readonly title: string;
  readonly detail: string;
  readonly act: FindingAct;
}

/** Share of a datastore from which it counts as almost full. */
const ALMOST_FULL = 0.85;

/** Everything that needs attention, the worst first. */
export function findings(
  groups: readonly GroupHealth[],
  usage: readonly DatastoreUsage[],
  watched: readonly WatchedGroup[],
): readonly Finding[] {
  const all = [
    ...groups.flatMap(ofGroup),
    ...withoutBackup(groups, watched),
    ...usage.flatMap((each) => ofDatastore(each, groups)),
  ];
  return [
    ...all.filter(({ severity }) => severity === "bad"),
    ...all.filter(({ severity }) => severity === "warning"),
  ];
}

function ofGroup(group: GroupHealth): readonly Finding[] {
  const { store, ns, lastSec, usualSec, watch } = group;
  const name = nameIn(ns, group.name);
  const found: Finding[] = [];
  if (group.failed > 0) {
    const upid = group.damaged?.verification?.upid ?? "";
    found.push({
      key: `failed ${store} ${ns} ${group.name}`,
      severity: "bad",
      title: words.failed(name, group.failed),
      detail: words.failedDetail,
      act: { kind: "show task", upid },
    });
  }
  if (group.isLate) {
    const ago = agoText(lastSec);
    found.push({
      key: `late ${store} ${ns} ${group.name}`,
      severity: "bad",
      title: words.late(name),
      detail: watch
        ? words.lateByRule(ago, watch.rule, watch.hours)
        : usualSec === undefined
          ? words.lateUnknown(ago)
          : words.lateDetail(ago, durationText(usualSec)),
      act: { kind: "show content", store, ns },
    });
  }
  return found;
}

/** Groups that a rule watches and that have no snapshot: nothing else on the page knows of them. */
function withoutBackup(
  groups: readonly GroupHealth[],
  watched: readonly WatchedGroup[],
): readonly Finding[] {
  const known = new Set(groups.map(groupKey));
  return watched.flatMap((watch) => {
    const { store, ns, rule, hours, overdue } = watch;
    const key = groupKey({ store, ns, name: watchedName(watch) });
    // One that has a backup is unknown here only when its datastore could not be read, which is told elsewhere.
    if (!overdue || watch["last-backup"] !== undefined || known.has(key)) return [];
    return [
      {
        key: `late ${key}`,
        severity: "bad" as const,
        title: words.late(nameIn(ns, watchedName(watch))),
        detail: words.neverByRule(rule, hours),
        act: { kind: "show content" as const, store, ns },
      },
    ];
  });
}

function nameIn(ns: string, name: string): string {
  return ns === "" ? name : `${ns}: ${name}`;
}

function ofDatastore(usage: DatastoreUsage, groups: readonly GroupHealth[]): readonly Finding[] {
  const { store, total = 0, used = 0, error } = usage;
  if (error !== undefined) {
    const act = { kind: "show content", store, ns: "" } as const;
    const title = words.unavailable(store);
    return [{ key: `error ${store}`, severity: "bad", title, detail: error, act }];
  }
  const found: Finding[] = [];
  const own = groups.filter((group) => group.store === store);
  const sum = (of: (group: GroupHealth) => number): number =>
    own.reduce((all, group) => all + of(group), 0);
  if (total > 0 && used / total >= ALMOST_FULL) {
    found.push({
      key: `full ${store}`,
      severity: "bad",
      title: words.almostFull(store, percentText(used / total)),
      detail: words.almostFullDetail,
      act: { kind: "collect", store },
    });
  }
  const bad = usage["gc-status"]?.["still-bad"] ?? 0;
  if (bad > 0) {
    found.push({
      key: `bad ${store}`,
      severity: "bad",
      title: words.badChunks(store, bad),
      detail: words.badChunksDetail,
      act: { kind: "verify", store },
    });
  }
  const [unverified, stale] = [sum((group) => group.unverified), sum((group) => group.stale)];
  for (const [count, title] of [
    [unverified, words.unverified(store, unverified)],
    [stale, words.stale(store, stale)],
  ] as const) {
    if (count === 0) continue;
    const act = { kind: "verify", store } as const;
    const detail = words.unverifiedDetail;
    found.push({ key: title, severity: "warning", title, detail, act });
  }
  if (own.length > 0 && (usage["gc-status"]?.upid ?? null) === null) {
    found.push({
      key: `collect ${store}`,
      severity: "warning",
      title: words.neverCollected(store),
      detail: words.neverCollectedDetail,
      act: { kind: "collect", store },
    });
  }
  return found;
}

import { queryOptions } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

/** A group for which a rule says how old its newest backup may be. */
export interface WatchedGroup {
  readonly store: string;
  readonly ns: string;
  readonly "backup-type": string;
  readonly "backup-id": string;
  /** Name of the rule. */
  readonly rule: string;
  readonly hours: number;
  /** Time of the newest finished backup; absent when there is none. */
  readonly "last-backup"?: number;
  readonly overdue: boolean;
}

/** Groups that are watched by rules, as far as one may see them. */
export const overdueQuery = queryOptions({
  queryKey: ["overdue"],
  queryFn: async () => await apiGet<readonly WatchedGroup[]>("/amber/overdue"),
});

/** What tells a group from all others. */
export function groupKey(group: { store: string; ns: string; name: string }): string {
  return [group.store, group.ns, group.name].join(" ");
}

/** `host/name`. */
export function watchedName(group: WatchedGroup): string {
  return `${group["backup-type"]}/${group["backup-id"]}`;
}

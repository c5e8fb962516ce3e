import { queryOptions } from "@tanstack/react-query";

import { apiPath, apiSend } from "./api-call.ts";
import { type GroupPlace, groupParameters } from "./snapshot-place.ts";

/** Periods for which snapshots can be kept, as the server names them. */
export const keepPeriods = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;

/** A period of {@link keepPeriods}. */
export type KeepPeriod = (typeof keepPeriods)[number];

/** How many of each period to keep; a period that is absent keeps none. */
export type Retention = Readonly<Partial<Record<KeepPeriod, number>>>;

/** What pruning would do with a snapshot, and why. */
export interface PrunedSnapshot {
  readonly "backup-time": number;
  readonly keep: boolean;
  readonly protected: boolean;
  readonly reason?: string;
}

/** A retention as parameters of the API. */
export function retentionParameters(retention: Retention): Readonly<Record<string, number>> {
  return Object.fromEntries(
    keepPeriods.flatMap((period) => {
      const count = retention[period];
      return count === undefined ? [] : [[`keep-${period}`, count]];
    }),
  );
}

/** What pruning a group would do; changes nothing. */
export const prunePreviewQuery = (place: GroupPlace, retention: Retention) =>
  queryOptions({
    queryKey: ["content", place.store, place.ns, "prune", place.type, place.id, retention],
    queryFn: async () =>
      await apiSend<readonly PrunedSnapshot[]>(
        "POST",
        apiPath`/admin/datastore/${place.store}/prune`,
        {
          ...groupParameters(place),
          ...retentionParameters(retention),
          "dry-run": true,
          explain: true,
        },
      ),
  });

/** Prunes a group. */
export async function pruneGroup(place: GroupPlace, retention: Retention): Promise<void> {
  await apiSend<unknown>("POST", apiPath`/admin/datastore/${place.store}/prune`, {
    ...groupParameters(place),
    ...retentionParameters(retention),
  });
}

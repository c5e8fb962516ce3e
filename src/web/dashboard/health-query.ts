import { queryOptions, type QueryClient } from "@tanstack/react-query";

import { datastoresQuery } from "../api/datastore-api.ts";
import { groupKey, overdueQuery, type WatchedGroup, watchedName } from "../api/overdue-api.ts";
import { namespacesQuery, snapshotsQuery } from "../api/snapshots-api.ts";
import { nowSec } from "../parts/time-text.ts";
import { type GroupHealth, groupHealth } from "./group-health.ts";

/**
 * Health of every group of every datastore, through the same reads as the content, which then is there already.
 *
 * A datastore that cannot be read is left out: its usage says so.
 */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- types of queries cannot be written down
export const healthQuery = (client: QueryClient) =>
  queryOptions({
    queryKey: ["content", "health"],
    queryFn: async (): Promise<readonly GroupHealth[]> => {
      const stores = await client.query(datastoresQuery);
      // Without the rules, which the page then says, groups are judged by habit.
      const rules = await client.query(overdueQuery).catch(() => []);
      const watched = new Map(
        rules.map((each) => [groupKey({ ...each, name: watchedName(each) }), each]),
      );
      const all: GroupHealth[] = [];
      for (const { store } of stores) {
        try {
          all.push(...(await healthOf(client, store, watched)));
        } catch {
          continue;
        }
      }
      return all;
    },
    staleTime: 30_000,
    refetchInterval: 5 * 60_000,
  });

async function healthOf(
  client: QueryClient,
  store: string,
  watched: ReadonlyMap<string, WatchedGroup>,
): Promise<readonly GroupHealth[]> {
  const all: GroupHealth[] = [];
  for (const ns of await client.query(namespacesQuery(store))) {
    const snapshots = await client.query(snapshotsQuery({ store, ns }));
    all.push(...groupHealth({ store, ns }, snapshots, { nowSec: nowSec(), watched }));
  }
  return all;
}

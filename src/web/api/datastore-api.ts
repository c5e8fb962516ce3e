import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend } from "./api-call.ts";

/** A datastore as the server lists it. */
export interface DatastoreItem {
  readonly store: string;
  readonly comment: string | null;
  readonly maintenance?: string;
}

/** What a collection found, as it is remembered. */
export interface CollectionStatus {
  readonly "index-file-count": number;
  readonly "index-data-bytes": number;
  readonly "disk-bytes": number;
  readonly "disk-chunks": number;
  readonly "removed-bytes": number;
  readonly "removed-chunks": number;
  readonly "pending-bytes": number;
  readonly "pending-chunks": number;
  readonly "removed-bad": number;
  readonly "still-bad": number;
  readonly upid: string | null;
}

/** {@link CollectionStatus} with when it ran and runs. */
export interface CollectionJob extends CollectionStatus {
  readonly store: string;
  readonly schedule?: string;
  readonly "last-run-upid"?: string;
  readonly "last-run-state"?: string;
  readonly "last-run-endtime"?: number;
  readonly "next-run"?: number;
  readonly duration?: number;
}

/** Groups and snapshots of one kind. */
export interface ContentCount {
  readonly groups: number;
  readonly snapshots: number;
}

/** Space and content of a datastore. */
export interface DatastoreStatus {
  readonly total: number;
  readonly used: number;
  readonly avail: number;
  readonly counts?: Readonly<Partial<Record<"vm" | "ct" | "host", ContentCount | null>>>;
  readonly "gc-status"?: CollectionStatus;
}

/** Space of a datastore over time, and what may be said of the future. */
export interface DatastoreUsage {
  readonly store: string;
  readonly total?: number;
  readonly used?: number;
  readonly avail?: number;
  readonly "gc-status"?: CollectionStatus;
  readonly history?: readonly (number | null)[];
  readonly "history-start"?: number;
  readonly "history-delta"?: number;
  readonly "estimated-full-date"?: number;
  readonly error?: string;
}

/** Datastores the caller may see. */
export const datastoresQuery = queryOptions({
  queryKey: ["datastores"],
  queryFn: async () => await apiGet<readonly DatastoreItem[]>("/admin/datastore"),
});

/** Usage of every datastore the caller may see. */
export const usageQuery = queryOptions({
  queryKey: ["datastores", "usage"],
  queryFn: async () => await apiGet<readonly DatastoreUsage[]>("/status/datastore-usage"),
  refetchInterval: 60_000,
});

/** Space and counts of one datastore. */
export const datastoreStatusQuery = (store: string) =>
  queryOptions({
    queryKey: ["datastores", store, "status"],
    queryFn: async () =>
      await apiGet<DatastoreStatus>(apiPath`/admin/datastore/${store}/status`, { verbose: true }),
    refetchInterval: 60_000,
  });

/** Collection of one datastore. */
export const collectionQuery = (store: string) =>
  queryOptions({
    queryKey: ["datastores", store, "collection"],
    queryFn: async () => await apiGet<CollectionJob>(apiPath`/admin/datastore/${store}/gc`),
  });

/** Starts a collection; gives the name of its task. */
export async function startCollection(store: string): Promise<string> {
  return await apiSend<string>("POST", apiPath`/admin/datastore/${store}/gc`);
}

import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiSend } from "./api-call.ts";

/** What every job has besides what it does. */
interface JobState {
  readonly id: string;
  readonly store?: string;
  readonly ns?: string;
  readonly schedule?: string;
  readonly comment?: string;
  readonly "next-run"?: number;
  readonly "last-run-upid"?: string;
  readonly "last-run-state"?: string;
  readonly "last-run-endtime"?: number;
}

/** A job that prunes. */
export interface PruneJob extends JobState {
  readonly disable?: boolean;
  readonly "keep-last"?: number;
  readonly "keep-hourly"?: number;
  readonly "keep-daily"?: number;
  readonly "keep-weekly"?: number;
  readonly "keep-monthly"?: number;
  readonly "keep-yearly"?: number;
}

/** A job that verifies. */
export interface VerifyJob extends JobState {
  readonly "ignore-verified"?: boolean;
  readonly "outdated-after"?: number;
}

/** A job that pulls from another datastore. */
export interface SyncJob extends JobState {
  /** Absent for a datastore of this server. */
  readonly remote?: string;
  readonly "remote-store": string;
  readonly "remote-ns"?: string;
  readonly owner?: string;
  readonly "remove-vanished"?: boolean;
  readonly "max-depth"?: number;
  readonly "transfer-last"?: number;
  readonly "group-filter"?: readonly string[];
  readonly "rate-in"?: string;
}

/** Kinds of jobs that this page can change. */
export type JobKind = "prune" | "verify" | "sync";

/** Jobs that prune a datastore. */
export const pruneJobsQuery = (store: string) =>
  queryOptions({
    queryKey: ["jobs", store, "prune"],
    queryFn: async () => await apiGet<readonly PruneJob[]>("/admin/prune", { store }),
    refetchInterval: 30_000,
  });

/** Jobs that verify a datastore. */
export const verifyJobsQuery = (store: string) =>
  queryOptions({
    queryKey: ["jobs", store, "verify"],
    queryFn: async () => await apiGet<readonly VerifyJob[]>("/admin/verify", { store }),
    refetchInterval: 30_000,
  });

/** Jobs that pull into a datastore. */
export const syncJobsQuery = (store: string) =>
  queryOptions({
    queryKey: ["jobs", store, "sync"],
    queryFn: async () =>
      await apiGet<readonly SyncJob[]>("/admin/sync", { store, "sync-direction": "all" }),
    refetchInterval: 30_000,
  });

/** Starts a job now; gives the name of its task. */
export async function runJob(kind: JobKind, id: string): Promise<string> {
  return await apiSend<string>("POST", `/admin/${kind}/${encodeURIComponent(id)}/run`);
}

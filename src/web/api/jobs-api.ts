import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend, type ApiParameters } from "./api-call.ts";

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

/** Kinds of jobs that this page can change. */
export type JobKind = "prune" | "verify";

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

/** Starts a job now; gives the name of its task. */
export async function runJob(kind: JobKind, id: string): Promise<string> {
  return await apiSend<string>(
    "POST",
    kind === "prune" ? apiPath`/admin/prune/${id}/run` : apiPath`/admin/verify/${id}/run`,
  );
}

/**
 * Makes or changes a job.
 *
 * @param settings Complete; those that are `undefined` are set back when the job exists.
 */
export async function saveJob(
  kind: JobKind,
  id: string,
  settings: ApiParameters,
  existing: "new" | "exists",
): Promise<void> {
  const base = `/config/${kind}`;
  if (existing === "new") {
    await apiSend("POST", base, { id, ...settings });
    return;
  }
  const unset = Object.keys(settings).filter((name) => settings[name] === undefined);
  const given = Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  );
  await apiSend("PUT", `${base}/${encodeURIComponent(id)}`, { ...given, delete: unset });
}

/** Removes a job. */
export async function removeJob(kind: JobKind, id: string): Promise<void> {
  await apiSend("DELETE", `/config/${kind}/${encodeURIComponent(id)}`);
}

import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiGetWhole, apiPath, type ApiParameters, apiSend, apiUrl } from "./api-call.ts";

/** A task as the server lists it. */
export interface TaskItem {
  readonly upid: string;
  readonly starttime: number;
  readonly endtime?: number;
  readonly worker_type: string;
  readonly worker_id?: string;
  readonly user: string;
  /** Absent while it runs. */
  readonly status?: string;
}

/** One task now. */
export interface TaskStatus {
  readonly upid: string;
  readonly type: string;
  readonly id?: string;
  readonly user: string;
  readonly starttime: number;
  readonly endtime?: number;
  readonly status: string;
  readonly exitstatus?: string;
}

/** Which tasks to list. */
export interface TaskFilter {
  readonly store?: string;
  readonly typefilter?: string;
  readonly userfilter?: string;
  readonly errors?: boolean;
  readonly since?: number;
  readonly until?: number;
}

/** A page of tasks, and how many there are. */
export interface TaskPage {
  readonly tasks: readonly TaskItem[];
  readonly total: number;
}

/** Lines of a log, and whether more may come. */
export interface TaskLog {
  readonly lines: readonly string[];
  readonly total: number;
}

/** Lines of a log that are read at once; the server's own limit for one answer. */
export const LOG_LINES_MAX = 5000;

/** Tasks, the newest first. */
export const tasksQuery = (filter: TaskFilter, page: { start: number; limit: number }) =>
  queryOptions({
    queryKey: ["tasks", "list", filter, page],
    queryFn: async (): Promise<TaskPage> => {
      const { data, total } = await apiGetWhole<readonly TaskItem[]>("/nodes/localhost/tasks", {
        ...page,
        ...taskParameters(filter),
      });
      return { tasks: data, total: total ?? data.length };
    },
    refetchInterval: 10_000,
  });

/** Tasks that run now. */
export const runningTasksQuery = queryOptions({
  queryKey: ["tasks", "running"],
  queryFn: async () =>
    await apiGet<readonly TaskItem[]>("/nodes/localhost/tasks", { running: true, limit: 100 }),
  refetchInterval: 3000,
});

/** One task. */
export const taskStatusQuery = (upid: string) =>
  queryOptions({
    queryKey: ["tasks", "status", upid],
    queryFn: async () => await apiGet<TaskStatus>(apiPath`/nodes/localhost/tasks/${upid}/status`),
    refetchInterval: (query) => (query.state.data?.status === "stopped" ? false : 1000),
  });

/** The end of a task's log. */
export const taskLogQuery = (upid: string, follow: "running" | "ended") =>
  queryOptions({
    queryKey: ["tasks", "log", upid, follow],
    queryFn: async (): Promise<TaskLog> => {
      const path = apiPath`/nodes/localhost/tasks/${upid}/log`;
      const first = await apiGetWhole<readonly LogLine[]>(path, { start: 0, limit: LOG_LINES_MAX });
      const total = first.total ?? first.data.length;
      const last =
        total <= LOG_LINES_MAX
          ? first
          : await apiGetWhole<readonly LogLine[]>(path, {
              start: total - LOG_LINES_MAX,
              limit: LOG_LINES_MAX,
            });
      return { lines: last.data.map(({ t }) => t), total };
    },
    refetchInterval: follow === "running" ? 1000 : false,
  });

interface LogLine {
  readonly n: number;
  readonly t: string;
}

/** Address of the whole log as a text file. */
export function taskLogUrl(upid: string): string {
  return apiUrl(apiPath`/nodes/localhost/tasks/${upid}/log`, { download: true });
}

/** Asks a task to end. */
export async function stopTask(upid: string): Promise<void> {
  await apiSend("DELETE", apiPath`/nodes/localhost/tasks/${upid}`);
}

/** How a task ended, for colours and counts. */
export type TaskOutcome = "running" | "ok" | "warning" | "error" | "unknown";

/** What a status text means. */
export function taskOutcome(status: string | undefined): TaskOutcome {
  if (status === undefined) return "running";
  if (status === "OK") return "ok";
  if (status.startsWith("WARNINGS")) return "warning";
  return status === "unknown" ? "unknown" : "error";
}

function taskParameters(filter: TaskFilter): ApiParameters {
  return { ...filter };
}

import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiSend } from "./api-call.ts";
import { changedSettings } from "./changed-settings.ts";

/** Bytes of something that fills up. */
interface Filling {
  readonly total: number;
  readonly used: number;
}

/** The machine that the server runs on. */
export interface ServerStatus {
  readonly cpu: number;
  readonly wait: number;
  readonly loadavg: readonly number[];
  readonly uptime: number;
  readonly memory: Filling;
  readonly swap: Filling;
  readonly root: Filling;
  readonly cpuinfo: { readonly model: string; readonly cpus: number };
  readonly "current-kernel": { readonly sysname: string; readonly release: string };
}

/** The program, and the release that it behaves like. */
export interface VersionInfo {
  readonly version: string;
  readonly release: string;
  readonly repoid: string;
}

/** State of the machine. */
export const serverStatusQuery = queryOptions({
  queryKey: ["server", "status"],
  queryFn: async () => await apiGet<ServerStatus>("/nodes/localhost/status"),
  refetchInterval: 10_000,
});

/** What program it is. */
export const versionQuery = queryOptions({
  queryKey: ["server", "version"],
  queryFn: async () => await apiGet<VersionInfo>("/version"),
});

/** Settings of the server as a whole, as far as this page shows them. */
export interface ServerConfig {
  readonly description?: string;
  readonly "email-from"?: string;
  readonly "task-log-max-days"?: number;
}

/** Settings of the server as a whole. */
export const serverConfigQuery = queryOptions({
  queryKey: ["server", "config"],
  queryFn: async () => await apiGet<ServerConfig>("/nodes/localhost/config"),
});

/** Changes settings of the server; those that are `undefined` are set back. */
export async function saveServerConfig(
  settings: Readonly<Record<keyof ServerConfig, string | number | undefined>>,
): Promise<void> {
  await apiSend("PUT", "/nodes/localhost/config", changedSettings(settings));
}

/** The server's clock. */
export interface ServerTime {
  readonly timezone: string;
  readonly time: number;
}

/** The server's clock and the zone in which schedules are read. */
export const serverTimeQuery = queryOptions({
  queryKey: ["server", "time"],
  queryFn: async () => await apiGet<ServerTime>("/nodes/localhost/time"),
});

/** Sets the zone in which schedules are read. */
export async function setServerZone(timezone: string): Promise<void> {
  await apiSend("PUT", "/nodes/localhost/time", { timezone });
}

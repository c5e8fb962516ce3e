import { queryOptions } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

/** A certificate of the server. */
export interface CertificateItem {
  readonly filename: string;
  readonly subject: string;
  readonly notafter: number;
  readonly fingerprint: string;
}

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

/** Certificates of the server. */
export const certificatesQuery = queryOptions({
  queryKey: ["server", "certificates"],
  queryFn: async () =>
    await apiGet<readonly CertificateItem[]>("/nodes/localhost/certificates/info"),
});

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

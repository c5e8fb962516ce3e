import { queryOptions } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

/** A rule of traffic control, with what it lets pass at present. */
export interface TrafficRule {
  readonly name: string;
  readonly network?: readonly string[];
  readonly users?: readonly string[];
  readonly timeframe?: readonly string[];
  readonly "rate-in"?: string;
  readonly "burst-in"?: string;
  readonly "rate-out"?: string;
  readonly "burst-out"?: string;
  readonly comment?: string;
  /** Bytes a second. */
  readonly "cur-rate-in": number;
  readonly "cur-rate-out": number;
}

/** Rules of traffic control. */
export const trafficQuery = queryOptions({
  queryKey: ["traffic"],
  queryFn: async () => await apiGet<readonly TrafficRule[]>("/admin/traffic-control"),
  refetchInterval: 5000,
});

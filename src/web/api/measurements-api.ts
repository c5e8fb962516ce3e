import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath } from "./api-call.ts";

/** What was measured at one time, by name; `time` is in seconds since the epoch. */
export type Measurement = Readonly<Record<string, number | undefined>>;

/** Measurements of one datastore over a span: `hour`, `day`, `week`, `month`, `year`. */
export const measurementsQuery = (store: string, timeframe: string) =>
  queryOptions({
    queryKey: ["datastores", store, "rrd", timeframe],
    queryFn: async () =>
      await apiGet<readonly Measurement[]>(apiPath`/admin/datastore/${store}/rrd`, {
        timeframe,
        cf: "AVERAGE",
      }),
    refetchInterval: 60_000,
  });

import { queryOptions } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

/** A place where users come from. */
export interface RealmItem {
  readonly realm: string;
  readonly type: string;
  readonly comment: string;
  readonly default?: boolean;
}

/** Realms, which also those may see who are not logged in. */
export const realmsQuery = queryOptions({
  queryKey: ["realms"],
  queryFn: async () => await apiGet<readonly RealmItem[]>("/access/domains"),
  staleTime: Number.POSITIVE_INFINITY,
});

import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath, apiSend } from "./api-call.ts";
import { changedSettings } from "./changed-settings.ts";

/** Settings of a datastore, as far as this page shows them. */
export interface DatastoreConfig {
  readonly path: string;
  readonly comment?: string;
  readonly "gc-schedule"?: string;
  readonly "verify-new"?: boolean;
  readonly "maintenance-mode"?: string;
}

/** Settings of one datastore. */
export const datastoreConfigQuery = (store: string) =>
  queryOptions({
    queryKey: ["datastores", store, "config"],
    queryFn: async () => await apiGet<DatastoreConfig>(apiPath`/config/datastore/${store}`),
  });

/** Changes settings; those that are `undefined` are set back. */
export async function saveDatastoreConfig(
  store: string,
  settings: Readonly<Record<string, string | boolean | undefined>>,
): Promise<void> {
  await apiSend("PUT", apiPath`/config/datastore/${store}`, changedSettings(settings));
}

import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiPath } from "./api-call.ts";

/** Another server; the password for it is never shown. */
export interface RemoteItem {
  readonly name: string;
  readonly host: string;
  readonly port?: number;
  readonly "auth-id": string;
  readonly fingerprint?: string;
  readonly comment?: string;
}

/** Other servers that the caller may see. */
export const remotesQuery = queryOptions({
  queryKey: ["remotes"],
  queryFn: async () => await apiGet<readonly RemoteItem[]>("/config/remote"),
});

/** Names of the datastores of another server, asked there. */
export const remoteStoresQuery = (remote: string) =>
  queryOptions({
    queryKey: ["remotes", remote, "stores"],
    queryFn: async () => {
      interface Store {
        readonly store: string;
      }
      const stores = await apiGet<readonly Store[]>(apiPath`/config/remote/${remote}/scan`);
      return stores.map(({ store }) => store);
    },
    retry: false,
    staleTime: 60_000,
  });

/** Namespaces of a datastore of another server, without the root, asked there. */
export const remoteNamespacesQuery = (remote: string, store: string) =>
  queryOptions({
    queryKey: ["remotes", remote, "stores", store],
    queryFn: async () => {
      interface Namespace {
        readonly ns: string;
      }
      const path = apiPath`/config/remote/${remote}/scan/${store}/namespaces`;
      const namespaces = await apiGet<readonly Namespace[]>(path);
      return namespaces.map(({ ns }) => ns).filter((ns) => ns !== "");
    },
    retry: false,
    staleTime: 60_000,
  });

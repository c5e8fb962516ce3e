import { queryOptions, useQuery } from "@tanstack/react-query";

import { apiGet } from "./api-call.ts";

/** Privileges of the caller on one ACL path. */
export const privilegesQuery = (path: string) =>
  queryOptions({
    queryKey: ["privileges", path],
    queryFn: async () => {
      type Held = Readonly<Record<string, Readonly<Record<string, boolean>>>>;
      const held = await apiGet<Held>("/access/permissions", { path });
      return new Set(Object.values(held).flatMap((each) => Object.keys(each)));
    },
    staleTime: 60_000,
  });

/**
 * Whether the caller has one of some privileges on an ACL path, so that only what is allowed is offered.
 *
 * `false` until it is known. The server decides again when something is done.
 */
export function useMay(path: string, ...anyOf: readonly string[]): boolean {
  const { data } = useQuery(privilegesQuery(path));
  return data !== undefined && anyOf.some((name) => data.has(name));
}

/** ACL path of a datastore or a namespace. */
export function contentPath(store: string, ns = ""): string {
  return ns === "" ? `/datastore/${store}` : `/datastore/${store}/${ns}`;
}

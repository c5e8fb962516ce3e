import { queryOptions } from "@tanstack/react-query";

import { apiGet, apiSend } from "./api-call.ts";

/** That someone has a role somewhere. */
export interface PermissionItem {
  readonly path: string;
  /** User or token. */
  readonly ugid: string;
  readonly roleid: string;
  readonly propagate: boolean;
}

/** A role with its privileges. */
export interface RoleItem {
  readonly roleid: string;
  readonly privs: readonly string[];
  readonly comment: string;
}

/** Every permission that the caller may see. */
export const permissionsQuery = queryOptions({
  queryKey: ["access", "permissions"],
  queryFn: async () => await apiGet<readonly PermissionItem[]>("/access/acl"),
});

/** Roles that can be given. */
export const rolesQuery = queryOptions({
  queryKey: ["access", "roles"],
  queryFn: async () => await apiGet<readonly RoleItem[]>("/access/roles"),
  staleTime: Number.POSITIVE_INFINITY,
});

/** Gives a role, or takes it away. */
export async function setPermission(
  { path, ugid, roleid, propagate }: PermissionItem,
  act: "grant" | "revoke",
): Promise<void> {
  await apiSend("PUT", "/access/acl", {
    path,
    role: roleid,
    "auth-id": ugid,
    propagate,
    ...(act === "revoke" ? { delete: true } : {}),
  });
}

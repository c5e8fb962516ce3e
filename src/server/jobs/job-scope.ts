import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type AccessControl, type ContentScope, datastorePath } from "../auth/access-control.ts";
import { type Privilege } from "../auth/privileges.ts";

/**
 * What a job may touch in each namespace of a datastore: what its caller may (spec auth.md §9.7).
 *
 * @returns For a namespace: all groups, those of the caller, or `undefined` for none.
 */
export function jobScope(
  access: AccessControl,
  caller: { readonly authId: AuthId; readonly store: string },
  wanted: { readonly full: readonly Privilege[]; readonly own: readonly Privilege[] },
): (namespace: Namespace) => ContentScope | undefined {
  return (namespace) => {
    const path = datastorePath(caller.store, namespace);
    if (access.hasAny(caller.authId, path, wanted.full)) return "every group";
    return access.hasAny(caller.authId, path, wanted.own) ? "own groups" : undefined;
  };
}

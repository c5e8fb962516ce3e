import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type AccessControl } from "../auth/access-control.ts";
import { isAclPath, normalizePath } from "../auth/acl-tree.ts";
import { type AuthId, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, ROOT_USER, userOf } from "../auth/auth-id.ts";
import { isAdministrator, requireAdministrator } from "../auth/require-administrator.ts";
import { configDigest } from "../configuration/config-directory.ts";
import { privilegeNames, roles } from "../auth/privileges.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import {
  authIdSchema,
  offByDefault,
  onByDefault,
  optionalConfigDigest,
} from "../http/parameter-schema.ts";
import { anyLogin, decidedInside, forTheWorld } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import { type AccountRouteOptions } from "./user-routes.ts";

const aclPath = Type.String({ pattern: "^/", maxLength: 128 });

/** Paths that `GET /access/permissions` reports besides those with entries (spec auth.md §9.9). */
const USUAL_PATHS = ["/", "/access", "/datastore", "/remote", "/system"];

/** The built-in realms; others would stand in a file that is empty here (spec auth.md §2.1). */
const REALMS = [
  { realm: "pam", type: "pam", comment: "Linux PAM standard authentication", default: true },
  { realm: "pbs", type: "pbs", comment: "Proxmox Backup authentication server" },
];

/** `/access/acl`, `/access/permissions`, `/access/roles` and `/access/domains` (spec rest-api.md §4). */
export function addAclRoutes(api: FastifyInstance, options: AccountRouteOptions): void {
  addEntryRoutes(api, options);
  addPermissionsRoute(api, options.access);
  addRoute(api, {
    method: "GET",
    path: "/access/roles",
    description: "Roles and their privileges.",
    permit: anyLogin,
    parameters: Type.Object({}),
    reply: Type.Array(
      Type.Object({
        roleid: Type.String(),
        privs: Type.Array(Type.String()),
        comment: Type.String(),
      }),
    ),
    handle: () =>
      Object.entries(roles).map(([roleid, { privileges, comment }]) => ({
        roleid,
        privs: [...privilegeNames(privileges)],
        comment,
      })),
  });
  addRoute(api, {
    method: "GET",
    path: "/access/domains",
    description: "Realms that users can belong to.",
    permit: forTheWorld,
    parameters: Type.Object({}),
    reply: Type.Array(
      Type.Object({
        realm: Type.String(),
        type: Type.String(),
        comment: Type.String(),
        default: Type.Optional(Type.Boolean()),
      }),
    ),
    handle: () => new WithAttributes(REALMS, { digest: configDigest("") }),
  });
}

function addEntryRoutes(api: FastifyInstance, { accounts, access }: AccountRouteOptions): void {
  addRoute(api, {
    method: "GET",
    path: "/access/acl",
    description: "Assignments of roles; without privilege only those of the caller.",
    permit: decidedInside(
      "Sys.Audit or Permissions.Modify on `/access/acl` for all; every login for itself and its tokens.",
    ),
    parameters: Type.Object({ path: Type.Optional(aclPath), exact: offByDefault }),
    reply: Type.Array(
      Type.Object({
        path: Type.String(),
        propagate: Type.Boolean(),
        roleid: Type.String(),
        ugid: Type.String(),
        ugid_type: Type.String(),
      }),
    ),
    handle: ({ path, exact }, { caller }) => {
      const seesAll = access.hasAny(caller, "/access/acl", ["Sys.Audit", "Permissions.Modify"]);
      const wanted = path === undefined ? undefined : normalizePath(path);
      const entries = access
        .entries()
        .filter(({ authId }) => seesAll || authId === caller || userOf(authId) === caller)
        .filter((entry) => wanted === undefined || isBelow(entry.path, wanted, exact === true))
        .map((entry) => ({
          path: entry.path,
          propagate: entry.propagate,
          roleid: entry.role,
          ugid: entry.authId,
          ugid_type: "user",
        }));
      return new WithAttributes(entries, { digest: access.digest });
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/access/acl",
    description: "Assigns a role on a path, or takes it away.",
    permit: decidedInside("Permissions.Modify on `/access/acl`; a user for its own tokens."),
    parameters: Type.Object({
      path: aclPath,
      role: Type.Enum(Object.keys(roles)),
      "auth-id": Type.Optional(authIdSchema),
      group: Type.Optional(Type.String()),
      propagate: onByDefault,
      delete: offByDefault,
      digest: optionalConfigDigest,
    }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      if (parameters.group !== undefined)
        throw refused("parameter 'group' - groups are currently not supported.");
      if (parameters["auth-id"] === undefined)
        throw refused("missing 'userid' or 'group' parameter.");
      const authId = parseAuthId(parameters["auth-id"]);
      if (!access.hasAny(caller, "/access/acl", ["Permissions.Modify"])) {
        requireOwnToken(caller, authId);
      }
      requireConfigDigest(access.digest, parameters.digest);
      const path = normalizePath(parameters.path);
      const isDelete = parameters.delete === true;
      if (!isDelete && !isAclPath(path)) throw refused(`invalid acl path '${path}'.`);
      if (!isDelete && !accounts.get(authId)) {
        throw refused(isToken(authId) ? "no such API token." : "no such user.");
      }
      const { role, propagate = true } = parameters;
      const isLast = caller !== ROOT_USER && isAdministrator({ accounts, access }, authId);
      await access.update(
        (tree) => {
          if (isDelete) tree.delete(path, authId, role);
          else tree.set({ path, authId, role, propagate });
        },
        () => {
          if (isLast) requireAdministrator({ accounts, access });
        },
      );
      return null;
    },
  });
}

function addPermissionsRoute(api: FastifyInstance, access: AccessControl): void {
  addRoute(api, {
    method: "GET",
    path: "/access/permissions",
    description: "Privileges of the caller or of someone else, by path.",
    permit: decidedInside(
      "Every login for itself and its tokens; Sys.Audit on `/access` for others.",
    ),
    parameters: Type.Object({
      "auth-id": Type.Optional(authIdSchema),
      path: Type.Optional(aclPath),
    }),
    reply: Type.Record(Type.String(), Type.Record(Type.String(), Type.Boolean())),
    handle: ({ "auth-id": given, path }, { caller }) => {
      const subject = given === undefined ? caller : parseAuthId(given);
      if (subject !== caller && userOf(subject) !== caller) {
        access.require(caller, "/access", ["Sys.Audit"]);
      }
      const paths =
        path === undefined
          ? [...new Set([...USUAL_PATHS, ...access.entries().map((entry) => entry.path)])]
          : [normalizePath(path)];
      const result: Record<string, Record<string, boolean>> = {};
      for (const each of paths) {
        const { granted, propagated } = access.grant(subject, each);
        if (granted === 0 && path === undefined) continue;
        const holds = new Set(privilegeNames(propagated));
        result[each] = Object.fromEntries(
          privilegeNames(granted).map((name) => [name, holds.has(name)]),
        );
      }
      return result;
    },
  });
}

function isBelow(path: string, wanted: string, exactly: boolean): boolean {
  if (path === wanted) return true;
  return !exactly && (wanted === "/" || path.startsWith(`${wanted}/`));
}

function requireOwnToken(caller: AuthId, authId: AuthId): void {
  if (isToken(caller) || !isToken(authId) || userOf(authId) !== caller) {
    throw new ApiError("API_FORBIDDEN", "permission check failed");
  }
}

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { childNamespace, parseNamespace } from "../../format/snapshot/namespace.ts";
import { datastorePath } from "../auth/access-control.ts";
import { type Privilege } from "../auth/privileges.ts";
import { ApiError, refused } from "../http/api-error.ts";
import {
  datastoreName,
  offByDefault,
  onByDefault,
  optionalNamespace,
} from "../http/parameter-schema.ts";
import { decidedInside } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { StoreError } from "../store/store-error.ts";
import { collectionMembers, lastCollection } from "./collection-reply.ts";
import { type ContentOptions, requireNamespace } from "./content-access.ts";

/** Any of these makes a namespace visible (spec auth.md §9.6). */
export const VISIBLE: readonly Privilege[] = [
  "Datastore.Modify",
  "Datastore.Read",
  "Datastore.Backup",
  "Datastore.Audit",
];

const counter = Type.Object({ groups: Type.Integer(), snapshots: Type.Integer() });

/** Datastores themselves: list, status, namespaces (spec rest-api.md §5). */
export function addDatastoreRoutes(api: FastifyInstance, options: ContentOptions): void {
  const { datastores, access } = options;
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore",
    description: "Datastores in which the caller has some privilege.",
    permit: decidedInside("Every login; filtered."),
    parameters: Type.Object({}),
    reply: Type.Array(
      Type.Object({
        store: Type.String(),
        comment: Type.Union([Type.String(), Type.Null()]),
        maintenance: Type.Optional(Type.String()),
      }),
    ),
    handle: (_parameters, { caller }) =>
      datastores
        .all()
        .filter(({ entry }) => access.hasAnyBelow(caller, datastorePath(entry.name, ""), VISIBLE))
        .map(({ entry: { name, comment, maintenance } }) => ({
          store: name,
          comment: comment ?? null,
          ...(maintenance ? { maintenance: maintenance.text } : {}),
        })),
  });
  addStatusRoute(api, options);
  addNamespaceRoutes(api, options);
}

function addStatusRoute(api: FastifyInstance, { datastores, access }: ContentOptions): void {
  const reply = Type.Object({
    total: Type.Number(),
    used: Type.Number(),
    avail: Type.Number(),
    counts: Type.Optional(
      Type.Object({
        ct: Type.Union([counter, Type.Null()]),
        host: Type.Union([counter, Type.Null()]),
        vm: Type.Union([counter, Type.Null()]),
        other: Type.Null(),
      }),
    ),
    "gc-status": Type.Optional(Type.Object(collectionMembers)),
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/status",
    description: "Sizes, and on request counts and the last collection.",
    permit: decidedInside(
      "Datastore.Audit or Datastore.Backup on `/datastore/{store}` for sizes; any privilege below for counts.",
    ),
    parameters: Type.Object({ store: datastoreName, verbose: offByDefault }),
    reply,
    handle: async ({ store, verbose }, { caller }) => {
      const path = datastorePath(store, "");
      const seesSizes = access.hasAny(caller, path, ["Datastore.Audit", "Datastore.Backup"]);
      if (!seesSizes && !access.hasAnyBelow(caller, path, VISIBLE)) {
        throw new ApiError("API_FORBIDDEN", "permission check failed");
      }
      const datastore = datastores.require(store, "read");
      const space = seesSizes ? await datastore.space() : undefined;
      const sizes = {
        total: space?.totalBytes ?? 0,
        used: space?.usedBytes ?? 0,
        avail: space?.availableBytes ?? 0,
      };
      if (verbose !== true) return sizes;
      const { ct, host, vm } = await datastore.countSnapshots();
      return {
        ...sizes,
        counts: { ct: orNull(ct), host: orNull(host), vm: orNull(vm), other: null },
        "gc-status": await lastCollection(datastore),
      };
    },
  });
}

function orNull(count: Static<typeof counter>): Static<typeof counter> | null {
  return count.groups === 0 ? null : count;
}

function addNamespaceRoutes(api: FastifyInstance, { datastores, access }: ContentOptions): void {
  const requireModify = (caller: AuthId, store: string, parent: string): void => {
    access.require(caller, datastorePath(store, parent), ["Datastore.Modify"]);
  };
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/namespace",
    description: "Namespaces that the caller may see, with the parent itself.",
    permit: decidedInside("Datastore.Audit, .Backup, .Modify or .Read on each namespace."),
    parameters: Type.Object({
      store: datastoreName,
      parent: optionalNamespace,
      "max-depth": Type.Optional(Type.Integer({ minimum: 0, maximum: 7, default: 7 })),
    }),
    reply: Type.Array(Type.Object({ ns: Type.String() })),
    handle: async ({ store, parent, "max-depth": depthMax = 7 }, { caller }) => {
      if (!access.hasAnyBelow(caller, datastorePath(store, parent ?? ""), VISIBLE)) {
        throw new ApiError("API_FORBIDDEN", "permission check failed");
      }
      const datastore = datastores.require(store, "read");
      const root = parseNamespace(parent ?? "");
      await requireNamespace(datastore, root);
      const found = await datastore.listNamespaces(root, { depthMax });
      return found
        .filter((ns) => access.hasAnyBelow(caller, datastorePath(store, ns), VISIBLE))
        .map((ns) => ({ ns }));
    },
  });
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/namespace",
    description: "Makes a namespace.",
    permit: decidedInside("Datastore.Modify on the parent."),
    parameters: Type.Object({
      store: datastoreName,
      name: Type.String({ pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]*$", minLength: 1, maxLength: 32 }),
      parent: optionalNamespace,
    }),
    reply: Type.String(),
    handle: async ({ store, name, parent }, { caller }) => {
      requireModify(caller, store, parent ?? "");
      const namespace = childNamespace(parseNamespace(parent ?? ""), name);
      try {
        await datastores.require(store, "write").createNamespace(namespace);
      } catch (error) {
        // The genuine server answers as if it had just made it.
        if (!(error instanceof StoreError && error.code === "STORE_ALREADY_EXISTS")) throw error;
      }
      return namespace;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/admin/datastore/:store/namespace",
    description: "Removes a namespace, on request with its groups.",
    permit: decidedInside("Datastore.Modify on the parent."),
    parameters: Type.Object({
      store: datastoreName,
      ns: Type.String({ minLength: 1, maxLength: 256 }),
      "delete-groups": offByDefault,
      "error-on-protected": onByDefault,
    }),
    reply: Type.Null(),
    handle: async ({ store, ns, ...flags }, { caller }) => {
      const namespace = parseNamespace(ns);
      requireModify(caller, store, namespace.slice(0, Math.max(0, namespace.lastIndexOf("/"))));
      const what = flags["delete-groups"] === true ? "groups" : "empty";
      const removed = await datastores.require(store, "write").removeNamespace(namespace, what);
      if (removed.protectedSnapshots > 0 && flags["error-on-protected"] !== false) {
        throw refused("namespace only partially deleted due to protected snapshots");
      }
      return null;
    },
  });
}

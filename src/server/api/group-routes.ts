import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { type AuthId, isOwnedBy, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  backupTypes,
} from "../../format/snapshot/snapshot-id.ts";
import { datastorePath } from "../auth/access-control.ts";
import { isToken, userOf } from "../auth/auth-id.ts";
import { type Accounts } from "../auth/accounts.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { authIdSchema, onByDefault } from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";
import { type Datastore } from "../store/datastore.ts";
import { StoreError } from "../store/store-error.ts";
import {
  type ContentOptions,
  type ContentPlace,
  groupParameters,
  openGroup,
  openPlace,
  placeParameters,
} from "./content-access.ts";

/** Groups or snapshots that one listing reads at the same time. */
export const LISTING_READS_MAX = 16;

const listed = { full: ["Datastore.Audit"], own: ["Datastore.Backup"] } as const;
const changed = {
  full: ["Datastore.Modify"],
  own: ["Datastore.Backup"],
  operation: "write",
} as const;
const removed = {
  full: ["Datastore.Modify"],
  own: ["Datastore.Prune"],
  operation: "write",
} as const;

const groupReply = Type.Object({
  "backup-type": Type.String(),
  "backup-id": Type.String(),
  "last-backup": Type.Integer(),
  "backup-count": Type.Integer(),
  files: Type.Array(Type.String()),
  owner: Type.String(),
  comment: Type.Optional(Type.String()),
});

/** Groups: list, removal, notes, owner (spec rest-api.md §5). */
export function addGroupRoutes(
  api: FastifyInstance,
  options: ContentOptions & { readonly accounts: Accounts },
): void {
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/groups",
    description: "Groups of a namespace.",
    permit: needsContent(listed),
    parameters: Type.Object(placeParameters),
    reply: Type.Array(groupReply),
    handle: async (parameters, { caller }) => {
      const place = await openPlace(options, caller, parameters, listed);
      const replies: Static<typeof groupReply>[] = [];
      for await (const reply of mapConcurrent(
        await visibleGroups(place, caller),
        LISTING_READS_MAX,
        async (entry) => await describeGroup(place, entry),
      )) {
        if (reply) replies.push(reply);
      }
      return replies;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/admin/datastore/:store/groups",
    description: "Removes a group; protected snapshots stay.",
    permit: needsContent(removed),
    parameters: Type.Object({ ...groupParameters, "error-on-protected": onByDefault }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const { datastore, namespace, group } = await openGroup(options, caller, parameters, removed);
      const stats = await datastore.forgetGroup(namespace, group);
      if (stats.protectedSnapshots > 0 && parameters["error-on-protected"] !== false) {
        throw refused("group only partially deleted due to protected snapshots");
      }
      return null;
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/admin/datastore/:store/group-notes",
    description: "Notes of a group.",
    permit: needsContent(listed),
    parameters: Type.Object(groupParameters),
    reply: Type.String(),
    handle: async (parameters, { caller }) => {
      const { datastore, namespace, group } = await openGroup(options, caller, parameters, listed);
      return await datastore.readGroupNotes(namespace, group);
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/admin/datastore/:store/group-notes",
    description: "Replaces the notes of a group.",
    permit: needsContent(changed),
    parameters: Type.Object({ ...groupParameters, notes: Type.String() }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const { datastore, namespace, group } = await openGroup(options, caller, parameters, changed);
      await datastore.writeGroupNotes(namespace, group, parameters.notes);
      return null;
    },
  });
  addOwnerRoute(api, options);
}

function addOwnerRoute(
  api: FastifyInstance,
  options: ContentOptions & { readonly accounts: Accounts },
): void {
  addRoute(api, {
    method: "POST",
    path: "/admin/datastore/:store/change-owner",
    description: "Gives a group to another user or token.",
    permit: needsContent(changed),
    parameters: Type.Object({ ...groupParameters, "new-owner": authIdSchema }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const place = await openPlace(options, caller, parameters, changed);
      const { datastore, namespace } = place;
      const { group } = await openGroup(options, caller, parameters, {
        full: [...changed.full, ...changed.own],
        own: [],
      });
      const owner = await datastore.readOwner(namespace, group);
      const newOwner = parseAuthId(parameters["new-owner"]);
      if (place.scope === "own groups" && !mayHandOver(caller, owner, newOwner)) {
        const path = datastorePath(datastore.name, namespace);
        throw new ApiError(
          "API_UNAUTHENTICATED",
          `${caller} is not allowed to change owner of ${backupGroupText(group)} on ${path} to ${newOwner}`,
        );
      }
      if (!options.accounts.isActive(newOwner)) {
        const kind = isToken(newOwner) ? "API token" : "user";
        throw refused(`${kind} '${newOwner}' is inactive or non-existent`);
      }
      await datastore.changeOwner(namespace, group, newOwner);
      return null;
    },
  });
}

/** With Datastore.Backup only: between a user and its own tokens, and only by the user itself (spec auth.md §9.7). */
function mayHandOver(caller: AuthId, owner: AuthId, newOwner: AuthId): boolean {
  if (isToken(caller) || !isOwnedBy(owner, caller)) return false;
  const isOwnToken = isToken(newOwner) && userOf(newOwner) === caller;
  return isOwnToken || (isToken(owner) && newOwner === caller);
}

/** A group that the caller may see. */
export interface VisibleGroup {
  readonly group: BackupGroup;
  readonly owner: AuthId;
}

/**
 * Groups of a namespace, all or those of a type, an id or both, without those whose owner cannot be read or is someone else,
 * where that matters.
 *
 * Whoever names an id gets its groups without a look at the others, whose number would otherwise be what an answer costs.
 */
export async function visibleGroups(
  { datastore, namespace, scope }: ContentPlace,
  caller: AuthId,
  wanted: Partial<BackupGroup> = {},
): Promise<readonly VisibleGroup[]> {
  const visible: VisibleGroup[] = [];
  for await (const entry of mapConcurrent(
    await wantedGroups(datastore, namespace, wanted),
    LISTING_READS_MAX,
    async (group) => ({ group, owner: await ownerOf(datastore, namespace, group) }),
  )) {
    const { group, owner } = entry;
    if (owner === undefined) continue;
    if (scope === "every group" || isOwnedBy(owner, caller)) visible.push({ group, owner });
  }
  return visible;
}

async function wantedGroups(
  datastore: Datastore,
  namespace: Namespace,
  { type, id }: Partial<BackupGroup>,
): Promise<readonly BackupGroup[]> {
  if (id !== undefined) {
    const named: BackupGroup[] = [];
    for (const each of type ? [type] : backupTypes) {
      if (await datastore.listsGroup(namespace, { type: each, id })) named.push({ type: each, id });
    }
    return named;
  }
  const groups = await datastore.listGroups(namespace);
  return type ? groups.filter((group) => group.type === type) : groups;
}

async function ownerOf(
  datastore: Datastore,
  namespace: Namespace,
  group: BackupGroup,
): Promise<AuthId | undefined> {
  try {
    return await datastore.readOwner(namespace, group);
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

async function describeGroup(
  { datastore, namespace }: ContentPlace,
  { group, owner }: VisibleGroup,
): Promise<Static<typeof groupReply> | undefined> {
  const snapshots = await datastore.listSnapshots(namespace, group);
  const newest = snapshots.at(-1);
  if (!newest) return undefined;
  const { files } = await datastore.describeSnapshot(namespace, newest);
  const notes = await datastore.readGroupNotes(namespace, group);
  const [comment = ""] = notes.split("\n", 1);
  return {
    "backup-type": group.type,
    "backup-id": group.id,
    "last-backup": newest.timeSec,
    "backup-count": snapshots.length,
    files: files.map((file) => file.name),
    owner,
    ...(notes === "" ? {} : { comment }),
  };
}

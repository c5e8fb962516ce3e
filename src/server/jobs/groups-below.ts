import { type AuthId, isOwnedBy } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type Datastore } from "../store/datastore.ts";
import { StoreError } from "../store/store-error.ts";
import { type PlacedGroup } from "./prune-groups.ts";

/** Which groups of a tree of namespaces a job is to touch. */
export interface GroupSelection {
  readonly namespace: Namespace;
  /** Levels below the namespace; `Infinity` for all. */
  readonly depthMax: number;
  /** What the job may touch in a namespace: all groups, those of `authId`, or none. */
  readonly scopeOf: (namespace: Namespace) => "every group" | "own groups" | undefined;
  readonly authId: AuthId;
}

/**
 * Groups in and below a namespace that a job may touch, namespace by namespace, in the order of listings.
 *
 * Where the owner matters, a group whose owner cannot be read is passed over; so is a namespace removed meanwhile.
 */
export async function* groupsBelow(
  datastore: Datastore,
  { namespace, depthMax, scopeOf, authId }: GroupSelection,
): AsyncGenerator<PlacedGroup, void, void> {
  for (const inner of await datastore.listNamespaces(namespace, { depthMax })) {
    const scope = scopeOf(inner);
    if (scope === undefined) continue;
    for (const group of await groupsIn(datastore, inner)) {
      if (
        scope === "every group" ||
        (await isOwn(datastore, { namespace: inner, group }, authId))
      ) {
        yield { namespace: inner, group };
      }
    }
  }
}

async function groupsIn(
  datastore: Datastore,
  namespace: Namespace,
): Promise<readonly PlacedGroup["group"][]> {
  try {
    return await datastore.listGroups(namespace);
  } catch (error) {
    if (error instanceof StoreError && error.code === "STORE_NAMESPACE_MISSING") return [];
    throw error;
  }
}

async function isOwn(
  datastore: Datastore,
  { namespace, group }: PlacedGroup,
  authId: AuthId,
): Promise<boolean> {
  try {
    return isOwnedBy(await datastore.readOwner(namespace, group), authId);
  } catch (error) {
    if (error instanceof StoreError) return false;
    throw error;
  }
}

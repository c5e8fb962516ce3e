import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type BackupGroup } from "../../format/snapshot/snapshot-id.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { groupPath, OWNER_FILE, typePath } from "./store-path.ts";

/** A group that somebody wants to write to. */
export interface WantedGroup {
  readonly namespace: Namespace;
  readonly group: BackupGroup;
  /** Owner of a group that is made. */
  readonly owner: AuthId;
}

/**
 * Makes a group with its owner, unless it is there.
 *
 * The caller holds the group's lock.
 *
 * @returns `created`; `adopted` for a folder without owner and snapshots, which a crash between the two steps left;
 *   `present` for a group that belongs to somebody: who that is has not been looked at.
 */
export async function createGroup(
  parts: DatastoreParts,
  { namespace, group, owner }: WantedGroup,
): Promise<"created" | "adopted" | "present"> {
  const { backend, syncLevel } = parts;
  // With level `filesystem`, one sync at the end covers the folders as well.
  const durability = syncLevel === "file" ? "synced" : "none";
  await backend.createFolders(typePath(namespace, group.type), durability);
  const folder = groupPath(namespace, group);
  const isNew = await backend.createFolder(folder, durability);
  if (!isNew && !(await isOrphan(parts, namespace, group))) return "present";
  const text = new TextEncoder().encode(`${owner}\n`);
  await backend.writeFile(`${folder}/${OWNER_FILE}`, text, { onExisting: "refuse", durability });
  return isNew ? "created" : "adopted";
}

/** Whether a crash between creating the folder and naming the owner left a group that belongs to nobody. */
async function isOrphan(
  { backend, listing }: DatastoreParts,
  namespace: Namespace,
  group: BackupGroup,
): Promise<boolean> {
  const entries = (await backend.listFolder(groupPath(namespace, group))) ?? [];
  if (entries.some((entry) => entry.name === OWNER_FILE)) return false;
  return (await listing.listSnapshots(namespace, group)).length === 0;
}

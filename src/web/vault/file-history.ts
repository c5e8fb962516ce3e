import { type PxarNode } from "../../format/pxar/node.ts";
import { type ArchivePlaceOfVault, type FileVersion } from "./vault-messages.ts";
import { itemOf, type VaultTree } from "./vault-tree.ts";

/** A file in one snapshot, before it is compared with the others. */
type Found = Omit<FileVersion, "isNew">;

/**
 * One file in many snapshots.
 *
 * A snapshot that cannot be read does not end the search; its file is `unreadable`.
 *
 * @param places The newest first.
 * @param openTree Opens the archive of a place.
 */
export async function fileHistory(
  places: readonly ArchivePlaceOfVault[],
  id: string,
  openTree: (place: ArchivePlaceOfVault) => Promise<VaultTree>,
): Promise<readonly FileVersion[]> {
  const found: Found[] = [];
  for (const place of places) found.push(await versionIn(place, id, openTree));
  return found.map((version, i) => {
    const older = found.slice(i + 1).find(({ state }) => state === "there");
    const isNew =
      version.state === "there" &&
      (!older || older.size !== version.size || older.mtimeSec !== version.mtimeSec);
    return { ...version, isNew };
  });
}

async function versionIn(
  place: ArchivePlaceOfVault,
  id: string,
  openTree: (place: ArchivePlaceOfVault) => Promise<VaultTree>,
): Promise<Found> {
  const { snapshot } = place;
  const own = idIn(place, id);
  let node: PxarNode | undefined;
  try {
    node = await (await openTree(place)).find(own);
  } catch {
    return { snapshot, id: own, state: "unreadable" };
  }
  if (!node) return { snapshot, id: own, state: "absent" };
  const { size, mtimeSec } = itemOf(node, []);
  return {
    snapshot,
    id: own,
    state: "there",
    ...(size === undefined ? {} : { size }),
    ...(mtimeSec === undefined ? {} : { mtimeSec }),
  };
}

/** The identity with the archive's name as this snapshot has it: split or not. */
function idIn({ archive }: ArchivePlaceOfVault, id: string): string {
  const [, ...rest] = atob(id).split("/");
  return btoa([archive, ...rest].join("/"));
}

import { type FolderEntry, type SnapshotFiles } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** Where snapshots have their indexes: namespaces, type, id, time (spec datastore.md §1). */
const REGULAR_PATH_PATTERN =
  /^(ns\/[^/]+\/)*(vm|ct|host)\/[^/]+\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\/[^/]+$/;

/** Kind of an index by its path, `undefined` for other files. */
export function indexKindOf(path: string): "dynamic" | "fixed" | undefined {
  if (path.endsWith(".didx")) return "dynamic";
  return path.endsWith(".fidx") ? "fixed" : undefined;
}

/** Whether an index lies in the folder of a snapshot. */
export function isRegularIndexPath(path: string): boolean {
  return REGULAR_PATH_PATTERN.test(path);
}

/**
 * Paths of all indexes of a datastore, wherever they lie (spec datastore.md §7.2).
 *
 * Names with a leading dot are passed over, links are not followed. What vanishes meanwhile is passed over as well; any other
 * failure ends the search, because an index that was not found would cost its chunks. Only `lost+found` at the top may be closed to us.
 *
 * @returns Sorted.
 * @throws {StoreError} `STORE_NOT_A_DATASTORE` when not even the base is there.
 */
export async function findIndexes(
  files: SnapshotFiles,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const found: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted();
    for (const { name, kind } of await listOrSkip(files, folder)) {
      if (name.startsWith(".")) continue;
      const path = folder === "" ? name : `${folder}/${name}`;
      if (kind === "folder") folders.push(path);
      else if (kind === "file" && indexKindOf(path) !== undefined) found.push(path);
    }
  }
  return found.sort();
}

async function listOrSkip(files: SnapshotFiles, folder: string): Promise<readonly FolderEntry[]> {
  try {
    const entries = await files.listFolder(folder);
    if (!entries && folder === "") throw new StoreError("STORE_NOT_A_DATASTORE");
    return entries ?? [];
  } catch (error) {
    if (folder === "lost+found" && isRefusal(error)) return [];
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EACCES";
}

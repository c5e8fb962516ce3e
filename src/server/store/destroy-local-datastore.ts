import * as fsPromises from "node:fs/promises";

import { hasErrno } from "./atomic-file.ts";
import { absentAs } from "./read-whole-file.ts";
import { StoreError } from "./store-error.ts";

/** What a datastore consists of, content first: a datastore that is half gone can be destroyed again (spec datastore.md §1). */
const PARTS = ["vm", "ct", "host", "ns", ".gc-status", ".chunks", ".lock"];

/**
 * Removes everything that belongs to a datastore from its folder, and the folder when nothing else is in it.
 *
 * Nobody may have it open.
 *
 * @returns Names that were left because they are no part of a datastore.
 * @throws {StoreError} `STORE_NOT_A_DATASTORE` when there are no chunk folders, as below the mount point of a disk that
 *   is not mounted.
 */
export async function destroyLocalDatastore(base: string): Promise<readonly string[]> {
  if (!(await absentAs(undefined, fsPromises.lstat(`${base}/.lock`)))) {
    throw new StoreError("STORE_NOT_A_DATASTORE", `there is no datastore in "${base}"`);
  }
  for (const name of PARTS)
    await fsPromises.rm(`${base}/${name}`, { recursive: true, force: true });
  const left = await fsPromises.readdir(base);
  if (left.length > 0) return left;
  try {
    await fsPromises.rmdir(base);
  } catch (error) {
    if (!hasErrno(error, "EBUSY")) throw error; // It is a mount point.
  }
  return [];
}

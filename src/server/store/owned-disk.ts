import type * as fsPromises from "node:fs/promises";

import { type DiskCalls } from "./atomic-file.ts";

/** Whose a datastore is. */
export interface StoreOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Gives what is made in a datastore to its owner, as far as a process that runs as another user may.
 *
 * A genuine server runs as `backup`; what a server run as root left there as root's it could neither change nor remove.
 *
 * @param chown Changes the owner of a path; a symbolic link is not followed.
 */
export function ownedDisk(
  disk: DiskCalls,
  { uid, gid }: StoreOwner,
  chown: typeof fsPromises.lchown,
): DiskCalls {
  return {
    ...disk,
    open: async (path, flags, mode) => {
      const file = await disk.open(path, flags, mode);
      if (typeof flags !== "string" || !flags.includes("x")) return file;
      try {
        await file.chown(uid, gid);
      } catch (error) {
        await file.close();
        throw error;
      }
      return file;
    },
    mkdir: async (path, mode) => {
      await disk.mkdir(path, mode);
      await chown(path, uid, gid);
    },
  };
}

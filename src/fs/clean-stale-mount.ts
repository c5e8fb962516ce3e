import { stat } from "node:fs/promises";

import { mountedAt } from "../linux/mount-table.ts";
import { unmountPath } from "./unmount-path.ts";

/** Mounts that lie over one another on one path; more than this is a loop of something else. */
const STACKED_MAX = 16;

/**
 * Removes a FUSE mount whose process was killed, which answers everything with ENOTCONN until it is unmounted.
 *
 * A mount that answers, whatever it answers, is left alone, and so is a path where no FUSE file system is mounted.
 *
 * @param mountPoint Absolute, without symbolic links.
 * @returns Whether something was removed.
 * @throws {SystemError} When the dead mount belongs to another user.
 */
export async function cleanStaleMount(mountPoint: string): Promise<boolean> {
  for (let removed = 0; removed < STACKED_MAX; removed++) {
    const type = mountedAt(mountPoint)?.type ?? "";
    const isFuse = type === "fuse" || type.startsWith("fuse.");
    if (!isFuse || !(await isDead(mountPoint))) return removed > 0;
    await unmountPath(mountPoint, "lazy");
  }
  return true;
}

async function isDead(mountPoint: string): Promise<boolean> {
  try {
    await stat(mountPoint);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOTCONN";
  }
}

import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { mountedAt } from "../linux/mount-table.ts";
import { cleanStaleMount } from "./clean-stale-mount.ts";
import { MountError } from "./mount-error.ts";

/**
 * Makes a path ready to be mounted on: clears away a mount whose process has died, and checks that it is a directory.
 *
 * @returns The path without symbolic links, as the table of mounts will show it.
 * @throws {MountError} `MOUNT_POINT_INVALID`, and `MOUNT_POINT_BUSY` when one of `ownTypes` is mounted there.
 */
export async function prepareMountPoint(
  path: string,
  ownTypes: ReadonlySet<string>,
): Promise<string> {
  try {
    const mountPoint = await resolveMountPoint(path);
    await cleanStaleMount(mountPoint);
    const mounted = mountedAt(mountPoint);
    if (mounted && ownTypes.has(mounted.type)) throw new MountError("MOUNT_POINT_BUSY", path);
    if (!(await stat(mountPoint)).isDirectory()) {
      throw new MountError("MOUNT_POINT_INVALID", path, "it is not a directory");
    }
    return mountPoint;
  } catch (error) {
    if (error instanceof MountError) throw error;
    throw new MountError("MOUNT_POINT_INVALID", path, undefined, { cause: error });
  }
}

/** The path without symbolic links; also for a path at which a dead mount lies, which cannot be looked at itself. */
export async function resolveMountPoint(path: string): Promise<string> {
  try {
    await lstat(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOTCONN") {
      return join(await realpath(dirname(path)), basename(path));
    }
    throw error;
  }
  return await realpath(path);
}

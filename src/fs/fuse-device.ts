import { closeSync, constants, openSync } from "node:fs";

import { setNonBlocking } from "../linux/descriptor-io.ts";
import { mountFileSystem, mountFlags } from "../linux/mount-calls.ts";
import { SystemError } from "../linux/system-error.ts";
import { FUSE_TRANSFER_BYTES_MAX } from "./fuse-protocol.ts";
import { escapeMountOption, mountWithFusermount } from "./fusermount.ts";
import { MountError } from "./mount-error.ts";

const DEVICE = "/dev/fuse";
const SUBTYPE = "amber";

/** Type of our mounts in the table of mounts. */
export const FUSE_MOUNT_TYPE = "fuse.amber";

/** What is mounted where. */
export interface FuseDeviceOptions {
  readonly mountPoint: string;
  readonly sourceName: string;
  readonly allowOther: boolean;
}

/**
 * Mounts and returns the descriptor on which the kernel asks, non-blocking and closed on exec.
 *
 * Root mounts itself; when that is not permitted, and for all others, `fusermount3` does. Always read-only, and without
 * effect of set-id bits and device nodes, which are shown as they were: a backup is data, not a system to run.
 * The caller closes the descriptor, which ends the mount for whoever still uses it.
 *
 * @throws {MountError} `MOUNT_UNAVAILABLE`, `MOUNT_REFUSED`.
 */
export async function openFuseDevice(options: FuseDeviceOptions): Promise<number> {
  if (process.geteuid?.() === 0) {
    const descriptor = mountDirectly(options);
    if (descriptor !== undefined) return descriptor;
  }
  return await mountByHelper(options);
}

/** The descriptor, or `undefined` when this root may not mount (a container without the capability). */
function mountDirectly(options: FuseDeviceOptions): number | undefined {
  const { mountPoint, sourceName } = options;
  const descriptor = openDevice(mountPoint);
  try {
    mountFileSystem({
      source: sourceName,
      mountPoint,
      type: FUSE_MOUNT_TYPE,
      flags: mountFlags.readOnly | mountFlags.noSetId | mountFlags.noDevices,
      data: [
        `fd=${descriptor}`,
        "rootmode=40000",
        `user_id=${process.getuid?.() ?? 0}`,
        `group_id=${process.getgid?.() ?? 0}`,
        ...commonOptions(options),
      ].join(","),
    });
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    if (!(error instanceof SystemError)) throw error;
    if (error.code === "EPERM") return undefined;
    if (error.code === "ENODEV") {
      throw new MountError("MOUNT_UNAVAILABLE", mountPoint, "the kernel has no FUSE", {
        cause: error,
      });
    }
    throw new MountError("MOUNT_REFUSED", mountPoint, undefined, { cause: error });
  }
}

function openDevice(mountPoint: string): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const detail = `${DEVICE} cannot be opened: load the module "fuse", or give the container the device`;
    throw new MountError("MOUNT_UNAVAILABLE", mountPoint, detail, { cause: error });
  }
}

async function mountByHelper(options: FuseDeviceOptions): Promise<number> {
  const { mountPoint } = options;
  const list = [
    "ro",
    "nosuid",
    "nodev",
    `fsname=${escapeMountOption(options.sourceName)}`,
    `subtype=${SUBTYPE}`,
    ...commonOptions(options),
  ].join(",");
  let outcome: Awaited<ReturnType<typeof mountWithFusermount>>;
  try {
    outcome = await mountWithFusermount(mountPoint, list);
  } catch (error) {
    const detail = "fusermount3 cannot be run; the package fuse3 has it";
    throw new MountError("MOUNT_UNAVAILABLE", mountPoint, detail, { cause: error });
  }
  if (typeof outcome !== "number") {
    throw new MountError("MOUNT_REFUSED", mountPoint, outcome.message);
  }
  setNonBlocking(outcome);
  return outcome;
}

function commonOptions(options: FuseDeviceOptions): string[] {
  const list = [`max_read=${FUSE_TRANSFER_BYTES_MAX}`];
  return options.allowOther ? [...list, "allow_other", "default_permissions"] : list;
}

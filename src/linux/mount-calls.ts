import { bindLibc } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

/** Flags of `mount(2)` (sys/mount.h). */
export const mountFlags = { readOnly: 1, noSetId: 2, noDevices: 4 } as const;

const MNT_FORCE = 1;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** What `mount(2)` needs to know. */
export interface MountRequest {
  /** Shown as the device. */
  readonly source: string;
  readonly mountPoint: string;
  /** Type of file system, for example `fuse.amber`. */
  readonly type: string;
  /** Sum of {@link mountFlags}. */
  readonly flags: number;
  /** Options of the type, separated by commas. */
  readonly data: string;
}

/**
 * Mounts a file system.
 *
 * @throws {SystemError} As `mount(2)`, `EPERM` for all but root.
 */
export function mountFileSystem(request: MountRequest): void {
  const mount = bindLibc(
    "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
  );
  const { source, mountPoint, type, flags, data } = request;
  if (mount(source, mountPoint, type, flags, data) < 0) throw lastSystemError("mount", mountPoint);
}

/**
 * Unmounts what is mounted last on a path; does not follow a symbolic link.
 *
 * @param how `plain` fails with `EBUSY` while a process uses it; `lazy` takes it out of sight at once, and makes a file
 *   system that knows `MNT_FORCE`, as FUSE does, fail what is still asked of it.
 * @throws {SystemError} As `umount2(2)`, `EINVAL` when nothing is mounted there.
 */
export function unmountFileSystem(mountPoint: string, how: "plain" | "lazy"): void {
  const umount2 = bindLibc("int umount2(const char *target, int flags)");
  const flags = how === "lazy" ? UMOUNT_NOFOLLOW | MNT_DETACH | MNT_FORCE : UMOUNT_NOFOLLOW;
  if (umount2(mountPoint, flags) < 0) throw lastSystemError("umount2", mountPoint);
}

import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

const UTIME_OMIT = 0x3ffffffe;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

let utimensat: LibcFunction | undefined;
let futimens: LibcFunction | undefined;

/** A point in time as the kernel and pxar have it: whole seconds rounded down, and nanoseconds above them. */
export interface FileTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** Sets the modification time of an open file and leaves the access time alone. */
export function setModificationTime(fd: number, time: FileTime): void {
  futimens ??= bindLibc("int futimens(int fd, uintptr_t times)");
  if (futimens(fd, putTimes(time)) !== 0) throw lastSystemError("utimens");
}

/** Like {@link setModificationTime} for a name in a directory; a symbolic link is not followed. */
export function setModificationTimeAt(directoryFd: number, name: Uint8Array, time: FileTime): void {
  utimensat ??= bindLibc(
    "int utimensat(int directory, uintptr_t path, uintptr_t times, int flags)",
  );
  const times = putTimes(time);
  const path = scratchMemory().putName(name);
  if (utimensat(directoryFd, path, times, AT_SYMLINK_NOFOLLOW) !== 0) {
    throw lastSystemError("utimensat", Buffer.from(name).toString());
  }
}

/**
 * Sets the access time of a path and leaves the modification time alone; a symbolic link is not followed.
 *
 * @param path Absolute.
 * @returns `false` when there is nothing of that name.
 */
export function setAccessTime(path: Uint8Array, seconds: number): boolean {
  utimensat ??= bindLibc(
    "int utimensat(int directory, uintptr_t path, uintptr_t times, int flags)",
  );
  const { view, resultAddress, putName } = scratchMemory();
  view.setBigInt64(0, BigInt(seconds), true);
  view.setBigInt64(8, 0n, true);
  view.setBigInt64(16, 0n, true);
  view.setBigInt64(24, BigInt(UTIME_OMIT), true);
  if (utimensat(AT_FDCWD, putName(path), resultAddress, AT_SYMLINK_NOFOLLOW) === 0) return true;
  if (lastErrno() === errnoNumber("ENOENT")) return false;
  throw lastSystemError("utimensat", Buffer.from(path).toString());
}

function putTimes(time: FileTime): number {
  const { view, resultAddress } = scratchMemory();
  view.setBigInt64(0, 0n, true);
  view.setBigInt64(8, BigInt(UTIME_OMIT), true);
  view.setBigInt64(16, BigInt(time.seconds), true);
  view.setBigInt64(24, BigInt(time.nanoseconds), true);
  return resultAddress;
}

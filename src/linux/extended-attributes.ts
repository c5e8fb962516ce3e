import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** Longest list of names and longest value in Linux (limits.h, XATTR_LIST_MAX and XATTR_SIZE_MAX). */
const XATTR_BYTES_MAX = 64 * 1024;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** Present since Linux 6.13, with this number on every architecture. */
const SYS_LISTXATTRAT = 465;

interface Calls {
  readonly listxattrat: LibcFunction;
  readonly llistxattr: LibcFunction;
  readonly lgetxattr: LibcFunction;
  readonly lsetxattr: LibcFunction;
  readonly fsetxattr: LibcFunction;
}

let bound: Calls | undefined;
let hasListxattrat = true;

function calls(): Calls {
  bound ??= {
    listxattrat: bindLibc(
      "int64_t syscall(int64_t number, int directory, uintptr_t path, int flags, uintptr_t list, size_t size)",
    ),
    llistxattr: bindLibc("int64_t llistxattr(uintptr_t path, uintptr_t list, size_t size)"),
    lgetxattr: bindLibc(
      "int64_t lgetxattr(uintptr_t path, uintptr_t name, uintptr_t value, size_t size)",
    ),
    lsetxattr: bindLibc(
      "int lsetxattr(uintptr_t path, uintptr_t name, const void *value, size_t size, int flags)",
    ),
    fsetxattr: bindLibc(
      "int fsetxattr(int fd, uintptr_t name, const void *value, size_t size, int flags)",
    ),
  };
  return bound;
}

/**
 * Names of the extended attributes of a name in a directory, in the kernel's order; a symbolic link is not followed.
 *
 * The common answer, none, allocates nothing. A file system without extended attributes has none.
 *
 * @throws {SystemError} `E2BIG` for a list longer than the kernel hands out, otherwise as `listxattr(2)`.
 */
export function listAttributesAt(directoryFd: number, name: Uint8Array): readonly string[] {
  const { result, resultAddress } = scratchMemory();
  // Asking for the size first spares the kernel a buffer of 64 KiB for each of the many files without attributes.
  let size = listInto(directoryFd, name, 0, 0);
  if (size > 0) size = listInto(directoryFd, name, resultAddress, XATTR_BYTES_MAX);
  if (size === 0) return NONE;
  if (size < 0) {
    if (lastErrno() === errnoNumber("EOPNOTSUPP")) return NONE;
    throw lastSystemError("listxattr", Buffer.from(name).toString());
  }
  return Buffer.from(result.subarray(0, size - 1))
    .toString("latin1")
    .split("\0");
}

function listInto(directoryFd: number, name: Uint8Array, address: number, size: number): number {
  const { listxattrat, llistxattr } = calls();
  const { putName } = scratchMemory();
  if (hasListxattrat) {
    const path = putName(name);
    const result = listxattrat(
      SYS_LISTXATTRAT,
      directoryFd,
      path,
      AT_SYMLINK_NOFOLLOW,
      address,
      size,
    );
    if (result >= 0 || lastErrno() !== errnoNumber("ENOSYS")) return result;
    hasListxattrat = false;
  }
  return llistxattr(putName(procPath(directoryFd, name)), address, size);
}

/**
 * Value of one extended attribute of a name in a directory, owned; `undefined` when it is gone by now.
 *
 * @param attribute As {@link listAttributesAt} gives it: one character per byte.
 */
export function readAttributeAt(
  directoryFd: number,
  name: Uint8Array,
  attribute: string,
): Uint8Array | undefined {
  const { lgetxattr } = calls();
  const { result, resultAddress, putName, putSecondName } = scratchMemory();
  const size = lgetxattr(
    putName(procPath(directoryFd, name)),
    putSecondName(Buffer.from(attribute, "latin1")),
    resultAddress,
    XATTR_BYTES_MAX,
  );
  if (size >= 0) return result.slice(0, size);
  if (lastErrno() === errnoNumber("ENODATA")) return undefined;
  throw lastSystemError("getxattr", Buffer.from(name).toString());
}

/**
 * Sets an extended attribute of an open file.
 *
 * @throws {SystemError} `EOPNOTSUPP` when the file system has none of the kind, `EPERM` when the user may not.
 */
export function setAttribute(fd: number, attribute: Uint8Array, value: Uint8Array): void {
  const { putSecondName } = scratchMemory();
  if (calls().fsetxattr(fd, putSecondName(attribute), orByte(value), value.length, 0) !== 0) {
    throw lastSystemError("setxattr", Buffer.from(attribute).toString());
  }
}

/** Like {@link setAttribute}, for what cannot be opened: fifos, sockets, devices. Needs `/proc`. */
export function setAttributeAt(
  directoryFd: number,
  name: Uint8Array,
  attribute: Uint8Array,
  value: Uint8Array,
): void {
  const { putName, putSecondName } = scratchMemory();
  const path = putName(procPath(directoryFd, name));
  if (calls().lsetxattr(path, putSecondName(attribute), orByte(value), value.length, 0) !== 0) {
    throw lastSystemError("setxattr", Buffer.from(attribute).toString());
  }
}

/** Errno names by which a file system says that it keeps no such attribute, or that there is no such file. */
const CANNOT_KEEP: readonly string[] = [
  "ENOENT",
  "EOPNOTSUPP",
  "EPERM",
  "ENOSPC",
  "EDQUOT",
  "E2BIG",
];

/**
 * Sets an extended attribute of a path; a symbolic link is not followed.
 *
 * @returns `false` when nothing is there, or the file system cannot keep it.
 * @throws {SystemError} For any other reason.
 */
export function setPathAttribute(
  path: Uint8Array,
  attribute: Uint8Array,
  value: Uint8Array,
): boolean {
  const { putName, putSecondName } = scratchMemory();
  const name = putSecondName(attribute);
  if (calls().lsetxattr(putName(path), name, orByte(value), value.length, 0) === 0) return true;
  const errno = lastErrno();
  if (CANNOT_KEEP.some((known) => errno === errnoNumber(known))) return false;
  throw lastSystemError("setxattr", Buffer.from(path).toString());
}

/**
 * Value of an extended attribute of a path, owned; `undefined` when there is none, or the file system keeps none.
 *
 * @throws {SystemError} For any other reason.
 */
export function readPathAttribute(path: Uint8Array, attribute: Uint8Array): Uint8Array | undefined {
  const { result, resultAddress, putName, putSecondName } = scratchMemory();
  const name = putSecondName(attribute);
  const size = calls().lgetxattr(putName(path), name, resultAddress, XATTR_BYTES_MAX);
  if (size >= 0) return result.slice(0, size);
  const errno = lastErrno();
  const isAbsent = ["ENODATA", "ENOENT", "EOPNOTSUPP"].some(
    (known) => errno === errnoNumber(known),
  );
  if (isAbsent) return undefined;
  throw lastSystemError("getxattr", Buffer.from(path).toString());
}

const NONE: readonly string[] = [];

/** The kernel has no call that sets attributes relative to a directory before 6.13; this path is as safe. */
function procPath(directoryFd: number, name: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directoryFd}/`), name]);
}

function orByte(value: Uint8Array): Uint8Array {
  return value.length > 0 ? value : new Uint8Array(1);
}

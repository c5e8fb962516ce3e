import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** Flags as `chattr` sets them: `FS_…_FL` of linux/fs.h. */
export const CHATTR = {
  compress: 0x4,
  sync: 0x8,
  immutable: 0x10,
  append: 0x20,
  noDump: 0x40,
  noAccessTime: 0x80,
  noCompress: 0x400,
  dirSync: 0x10000,
  noCopyOnWrite: 0x800000,
  projectInherit: 0x20000000,
} as const;

/** Flags and quota project of an inode. */
export interface InodeFlags {
  /** {@link CHATTR} bits. */
  readonly chattr: number;
  /** Quota project id; 0 for none. */
  readonly projectId: number;
}

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FAT_IOCTL_GET_ATTRIBUTES = 0x80047210;
const FAT_IOCTL_SET_ATTRIBUTES = 0x40047211;
const FSXATTR_BYTES = 28;
const FSXATTR_PROJECT_AT = 12;
/** Present since Linux 6.17, with this number on every architecture. */
const SYS_FILE_GETATTR = 468;
const FILE_ATTR_BYTES = 24;
const FILE_ATTR_PROJECT_AT = 16;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** `FS_XFLAG_…` → `FS_…_FL`; the kernel keeps the two in step for what both can say. */
const CHATTR_OF_XFLAG: readonly (readonly [number, number])[] = [
  [0x8, CHATTR.immutable],
  [0x10, CHATTR.append],
  [0x20, CHATTR.sync],
  [0x40, CHATTR.noAccessTime],
  [0x80, CHATTR.noDump],
  [0x200, CHATTR.projectInherit],
];

interface Calls {
  readonly ioctl: LibcFunction;
  readonly fileGetattr: LibcFunction;
}

let bound: Calls | undefined;
let hasFileGetattr = true;

function calls(): Calls {
  bound ??= {
    ioctl: bindLibc("int ioctl(int fd, unsigned long request, uintptr_t argument)"),
    fileGetattr: bindLibc(
      "int64_t syscall(int64_t number, int directory, uintptr_t path, uintptr_t result, size_t size, unsigned int flags)",
    ),
  };
  return bound;
}

/**
 * Flags and project of an open regular file or directory; all clear where the file system has none.
 *
 * Rare refusals (a FUSE file system that answers with an error of its own) count as "has none".
 */
export function flagsOf(fd: number): InodeFlags {
  const { ioctl } = calls();
  const { view, resultAddress } = scratchMemory();
  view.setUint32(0, 0, true);
  const chattr = ioctl(fd, FS_IOC_GETFLAGS, resultAddress) === 0 ? view.getUint32(0, true) : 0;
  const hasProject = ioctl(fd, FS_IOC_FSGETXATTR, resultAddress) === 0;
  return { chattr, projectId: hasProject ? view.getUint32(FSXATTR_PROJECT_AT, true) : 0 };
}

/**
 * Flags and project of a name in a directory without opening it; `undefined` when the kernel is older than 6.17 or
 * the file system does not answer.
 *
 * Says nothing of {@link CHATTR} `compress`, `noCompress`, `noCopyOnWrite` and `dirSync`: callers use it only where
 * regular files cannot have these or where `statx` tells.
 */
export function flagsAt(directoryFd: number, name: Uint8Array): InodeFlags | undefined {
  if (!hasFileGetattr) return undefined;
  const { view, resultAddress, putName } = scratchMemory();
  const failed = calls().fileGetattr(
    SYS_FILE_GETATTR,
    directoryFd,
    putName(name),
    resultAddress,
    FILE_ATTR_BYTES,
    AT_SYMLINK_NOFOLLOW,
  );
  if (failed !== 0) {
    if (lastErrno() === errnoNumber("ENOSYS")) hasFileGetattr = false;
    return undefined;
  }
  const xflags = view.getUint32(0, true);
  let chattr = 0;
  if (xflags !== 0) {
    for (const [xflag, flag] of CHATTR_OF_XFLAG) if ((xflags & xflag) !== 0) chattr |= flag;
  }
  return { chattr, projectId: view.getUint32(FILE_ATTR_PROJECT_AT, true) };
}

/**
 * Sets the {@link CHATTR} bits in `mask` to those of `flags` and leaves the others as they are.
 *
 * @throws {SystemError} `ENOTTY` or `EOPNOTSUPP` when the file system has no flags, `EPERM` when the user may not.
 */
export function setFlags(fd: number, flags: number, mask: number): void {
  const { ioctl } = calls();
  const { view, resultAddress } = scratchMemory();
  view.setUint32(4, 0, true);
  if (ioctl(fd, FS_IOC_GETFLAGS, resultAddress) !== 0) throw lastSystemError("get inode flags");
  const before = view.getUint32(0, true);
  const wanted = ((before & ~mask) | (flags & mask)) >>> 0;
  if (wanted === before) return;
  view.setUint32(0, wanted, true);
  if (ioctl(fd, FS_IOC_SETFLAGS, resultAddress) !== 0) throw lastSystemError("set inode flags");
}

/** Sets the quota project id of an open file or directory. */
export function setProjectId(fd: number, projectId: number): void {
  const { ioctl } = calls();
  const { result, view, resultAddress } = scratchMemory();
  result.fill(0, 0, FSXATTR_BYTES);
  if (ioctl(fd, FS_IOC_FSGETXATTR, resultAddress) !== 0) throw lastSystemError("get project id");
  view.setUint32(FSXATTR_PROJECT_AT, projectId, true);
  if (ioctl(fd, FS_IOC_FSSETXATTR, resultAddress) !== 0) throw lastSystemError("set project id");
}

/** Attribute bits of a file on a FAT file system: 2 hidden, 4 system, 32 archive. 0 elsewhere. */
export function fatAttributesOf(fd: number): number {
  const { view, resultAddress } = scratchMemory();
  return calls().ioctl(fd, FAT_IOCTL_GET_ATTRIBUTES, resultAddress) === 0
    ? view.getUint32(0, true)
    : 0;
}

/** Sets the attribute bits in `mask` of a file on a FAT file system. */
export function setFatAttributes(fd: number, attributes: number, mask: number): void {
  const { ioctl } = calls();
  const { view, resultAddress } = scratchMemory();
  if (ioctl(fd, FAT_IOCTL_GET_ATTRIBUTES, resultAddress) !== 0) {
    throw lastSystemError("get FAT attributes");
  }
  const before = view.getUint32(0, true);
  const wanted = (before & ~mask) | (attributes & mask);
  if (wanted === before) return;
  view.setUint32(0, wanted, true);
  if (ioctl(fd, FAT_IOCTL_SET_ATTRIBUTES, resultAddress) !== 0) {
    throw lastSystemError("set FAT attributes");
  }
}

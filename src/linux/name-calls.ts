import { deviceNumber } from "./device-number.ts";
import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const RENAME_NOREPLACE = 1;
/** Present since Linux 6.6, with this number on every architecture. */
const SYS_FCHMODAT2 = 452;

interface Calls {
  readonly fchmodat: LibcFunction;
  readonly fchmodat2: LibcFunction;
  readonly fchownat: LibcFunction;
  readonly linkat: LibcFunction;
  readonly mkdirat: LibcFunction;
  readonly mknodat: LibcFunction;
  readonly readlinkat: LibcFunction;
  readonly renameat2: LibcFunction;
  readonly symlinkat: LibcFunction;
  readonly unlinkat: LibcFunction;
}

let bound: Calls | undefined;

function calls(): Calls {
  bound ??= {
    fchmodat: bindLibc("int fchmodat(int directory, uintptr_t path, unsigned int mode, int flags)"),
    fchmodat2: bindLibc(
      "int64_t syscall(int64_t number, int directory, uintptr_t path, unsigned int mode, unsigned int flags)",
    ),
    fchownat: bindLibc(
      "int fchownat(int directory, uintptr_t path, unsigned int uid, unsigned int gid, int flags)",
    ),
    linkat: bindLibc(
      "int linkat(int oldDirectory, uintptr_t oldPath, int newDirectory, uintptr_t newPath, int flags)",
    ),
    mkdirat: bindLibc("int mkdirat(int directory, uintptr_t path, unsigned int mode)"),
    mknodat: bindLibc(
      "int mknodat(int directory, uintptr_t path, unsigned int mode, uint64_t device)",
    ),
    readlinkat: bindLibc(
      "int64_t readlinkat(int directory, uintptr_t path, uintptr_t target, size_t size)",
    ),
    renameat2: bindLibc(
      "int renameat2(int oldDirectory, uintptr_t oldPath, int newDirectory, uintptr_t newPath, unsigned int flags)",
    ),
    symlinkat: bindLibc("int symlinkat(uintptr_t target, int directory, uintptr_t path)"),
    unlinkat: bindLibc("int unlinkat(int directory, uintptr_t path, int flags)"),
  };
  return bound;
}

/** Makes a directory; `EEXIST` when the name is taken by anything. */
export function makeDirectoryAt(directoryFd: number, name: Uint8Array, mode: number): void {
  check(calls().mkdirat(directoryFd, scratchMemory().putName(name), mode), "mkdir", name);
}

/** A symbolic link to make. */
export interface SymlinkToMake {
  readonly name: Uint8Array;
  readonly target: Uint8Array;
}

/** Makes a symbolic link; the target is not looked at. */
export function makeSymlinkAt(directoryFd: number, { name, target }: SymlinkToMake): void {
  const { putName, putSecondName } = scratchMemory();
  check(calls().symlinkat(putSecondName(target), directoryFd, putName(name)), "symlink", name);
}

/** A name in a directory. */
export interface PlaceOfName {
  readonly directoryFd: number;
  readonly name: Uint8Array;
}

/** Gives an inode a second name; if the first is a symbolic link, the link itself gets it. */
export function makeHardLink(from: PlaceOfName, to: PlaceOfName): void {
  const { putName, putSecondName } = scratchMemory();
  check(
    calls().linkat(from.directoryFd, putSecondName(from.name), to.directoryFd, putName(to.name), 0),
    "link",
    to.name,
  );
}

/**
 * Gives an inode another name, in one step.
 *
 * @param existing `replace`: what has that name and is no directory is replaced; `refuse`: that is `EEXIST`, and `EINVAL`
 *   where the file system cannot refuse by itself.
 */
export function renameAt(from: PlaceOfName, to: PlaceOfName, existing: "refuse" | "replace"): void {
  const flags = existing === "refuse" ? RENAME_NOREPLACE : 0;
  const { putName, putSecondName } = scratchMemory();
  const [oldPath, newPath] = [putSecondName(from.name), putName(to.name)];
  check(
    calls().renameat2(from.directoryFd, oldPath, to.directoryFd, newPath, flags),
    "rename",
    to.name,
  );
}

/** What {@link makeNodeAt} makes. */
export interface SpecialFile {
  readonly name: Uint8Array;
  /** File type (fifo, socket, character or block device) and permission bits. */
  readonly mode: number;
  /** Of a device; 0 otherwise. */
  readonly major: number;
  readonly minor: number;
}

/** Makes a fifo, socket or device; `EPERM` when the user may not. */
export function makeNodeAt(directoryFd: number, file: SpecialFile): void {
  const path = scratchMemory().putName(file.name);
  const device = deviceNumber(file.major, file.minor);
  check(calls().mknodat(directoryFd, path, file.mode, device), "mknod", file.name);
}

/** Removes a name that is not a directory. */
export function unlinkAt(directoryFd: number, name: Uint8Array): void {
  check(calls().unlinkat(directoryFd, scratchMemory().putName(name), 0), "unlink", name);
}

/** User and group of an inode. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Changes the owner of a name; a symbolic link is not followed. */
export function setOwnerAt(directoryFd: number, name: Uint8Array, owner: Owner): void {
  const path = scratchMemory().putName(name);
  check(
    calls().fchownat(directoryFd, path, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW),
    "chown",
    name,
  );
}

/**
 * Changes the permission bits of a name that is no symbolic link.
 *
 * Kernels before 6.6 would follow one, so there it is for names this process has just made as something else.
 */
export function setModeAt(directoryFd: number, name: Uint8Array, mode: number): void {
  const { fchmodat, fchmodat2 } = calls();
  const path = scratchMemory().putName(name);
  const failed = fchmodat2(SYS_FCHMODAT2, directoryFd, path, mode, AT_SYMLINK_NOFOLLOW);
  if (failed === 0) return;
  if (lastErrno() !== errnoNumber("ENOSYS")) check(-1, "chmod", name);
  check(fchmodat(directoryFd, path, mode, 0), "chmod", name);
}

/** Target of a symbolic link, owned. */
export function readLinkAt(directoryFd: number, name: Uint8Array): Uint8Array {
  const { result, resultAddress, putName } = scratchMemory();
  const size = calls().readlinkat(directoryFd, putName(name), resultAddress, result.length);
  if (size < 0) throw lastSystemError("readlink", Buffer.from(name).toString());
  return result.slice(0, size);
}

function check(result: number, syscall: string, name: Uint8Array): void {
  if (result !== 0) throw lastSystemError(syscall, Buffer.from(name).toString());
}

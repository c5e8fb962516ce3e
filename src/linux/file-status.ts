import { bindLibc, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** What `statx` says about one inode. */
export interface FileStatus {
  /** File type and permission bits, as `st_mode`. */
  readonly mode: number;
  readonly linkCount: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for everything that has none. */
  readonly size: number;
  /** Bytes that occupy disk space. */
  readonly storedSize: number;
  /** Seconds of the modification time, rounded down: −1 for half a second before the epoch. */
  readonly mtimeSec: number;
  /** Nanoseconds above {@link mtimeSec}, 0 to 999,999,999. */
  readonly mtimeNsec: number;
  /** Seconds of the time of the last change of any kind, as {@link mtimeSec}. */
  readonly ctimeSec: number;
  /** Nanoseconds above {@link ctimeSec}. */
  readonly ctimeNsec: number;
  /** Device the inode lies on, as one number for comparisons. */
  readonly device: number;
  readonly inode: bigint;
  /** Major number of a device node. */
  readonly deviceMajor: number;
  /** Minor number of a device node. */
  readonly deviceMinor: number;
  /** `STATX_ATTR_…` bits that are set; see {@link STATUS_COMPRESSED}. */
  readonly attributes: number;
}

/** `STATX_ATTR_COMPRESSED` of {@link FileStatus.attributes}. */
export const STATUS_COMPRESSED = 0x4;

/** Bits of `st_mode` that say what kind of inode it is (inode(7)). */
export const FILE_TYPE = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  regular: 0o100000,
  blockDevice: 0o060000,
  directory: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
} as const;

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const STORED_UNIT_BYTES = 512;

let statx: LibcFunction | undefined;

/**
 * Status of the inode with this name in a directory; a symbolic link is not followed.
 *
 * @throws {SystemError} As `statx(2)`, for example `ENOENT`.
 */
export function statusAt(directoryFd: number, name: Uint8Array): FileStatus {
  return status(directoryFd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
}

/** Status of an open file. */
export function statusOf(fd: number): FileStatus {
  return status(fd, new Uint8Array(0), AT_EMPTY_PATH);
}

/** Status of a path; symbolic links are followed. */
export function statusOfPath(path: Uint8Array): FileStatus {
  return status(AT_FDCWD, path, 0);
}

function status(fd: number, name: Uint8Array, flags: number): FileStatus {
  statx ??= bindLibc(
    "int statx(int fd, uintptr_t path, int flags, unsigned int mask, uintptr_t result)",
  );
  const { view, resultAddress, putName } = scratchMemory();
  if (statx(fd, putName(name), flags, STATX_BASIC_STATS, resultAddress) !== 0) {
    throw lastSystemError("statx", Buffer.from(name).toString());
  }
  return {
    attributes: view.getUint32(0x08, true),
    linkCount: view.getUint32(0x10, true),
    uid: view.getUint32(0x14, true),
    gid: view.getUint32(0x18, true),
    mode: view.getUint16(0x1c, true),
    inode: view.getBigUint64(0x20, true),
    size: readSize(view, 0x28),
    storedSize: readSize(view, 0x30) * STORED_UNIT_BYTES,
    ctimeSec: readSeconds(view, 0x60),
    ctimeNsec: view.getUint32(0x68, true),
    mtimeSec: readSeconds(view, 0x70),
    mtimeNsec: view.getUint32(0x78, true),
    deviceMajor: view.getUint32(0x80, true),
    deviceMinor: view.getUint32(0x84, true),
    device: view.getUint32(0x88, true) * 0x1_0000_0000 + view.getUint32(0x8c, true),
  };
}

function readSize(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

function readSeconds(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

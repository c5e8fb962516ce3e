/**
 * Numbers of the FUSE kernel protocol, version 7, for a read-only file system.
 *
 * Source: the Linux user-space header linux/fuse.h; all values are in the byte order of the machine, which for every
 * machine Node runs FUSE on is little-endian.
 */

/** Version this program speaks: what it needs is in 7.23 to 7.36, and 7.38 is what the header it was written from says. */
export const FUSE_MAJOR = 7;

/** Minor version announced; the kernel's own is used when it is lower. */
export const FUSE_MINOR = 38;

/** Oldest minor version accepted: the first with `time_gran` and the 64-byte INIT reply (Linux 3.15). */
export const FUSE_MINOR_MIN = 23;

/** `opcode` of `struct fuse_in_header`. */
export const fuseOpcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  syncfs: 50,
  tmpfile: 51,
  statx: 52,
} as const;

/** Flags of the INIT exchange that this program knows. */
export const fuseInitFlags = {
  asyncRead: 2 ** 0,
  autoInvalData: 2 ** 12,
  doReaddirplus: 2 ** 13,
  asyncDirectIo: 2 ** 15,
  noOpenSupport: 2 ** 17,
  parallelDirops: 2 ** 18,
  posixAcl: 2 ** 20,
  maxPages: 2 ** 22,
  cacheSymlinks: 2 ** 23,
  noOpendirSupport: 2 ** 24,
} as const;

/** Flags of the reply to OPEN and OPENDIR. */
export const fuseOpenFlags = { keepCache: 2, cacheDirectory: 8 } as const;

/** `struct fuse_in_header`. */
export const FUSE_REQUEST_HEADER_BYTES = 40;

/** `struct fuse_out_header`. */
export const FUSE_REPLY_HEADER_BYTES = 16;

/** `struct fuse_attr`. */
export const FUSE_ATTRIBUTES_BYTES = 88;

/** `struct fuse_entry_out`: 40 bytes and the attributes. */
export const FUSE_ENTRY_BYTES = 40 + FUSE_ATTRIBUTES_BYTES;

/** `struct fuse_dirent` before the name. */
export const FUSE_DIRENT_BYTES = 24;

/** Largest READ and directory reply in bytes: 256 pages of 4096, the most the kernel allows by default. */
export const FUSE_TRANSFER_BYTES_MAX = 1024 * 1024;

/** Largest request without data (names, a batch of forgets); the kernel wants room for at least 8192 bytes. */
export const FUSE_REQUEST_BYTES_MAX = 128 * 1024;

/** Longest name in bytes that Linux lets a file system have (limits.h, NAME_MAX). */
export const FUSE_NAME_BYTES_MAX = 255;

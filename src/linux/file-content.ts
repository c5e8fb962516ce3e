import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

const SEEK_END = 2;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

interface Calls {
  readonly fchmod: LibcFunction;
  readonly fchown: LibcFunction;
  readonly ftruncate: LibcFunction;
  readonly lseek: LibcFunction;
  readonly pread: LibcFunction;
  readonly pwrite: LibcFunction;
}

let bound: Calls | undefined;

function calls(): Calls {
  bound ??= {
    fchmod: bindLibc("int fchmod(int fd, unsigned int mode)"),
    fchown: bindLibc("int fchown(int fd, unsigned int uid, unsigned int gid)"),
    ftruncate: bindLibc("int ftruncate(int fd, int64_t size)"),
    lseek: bindLibc("int64_t lseek(int fd, int64_t offset, int whence)"),
    pread: bindLibc("int64_t pread(int fd, uintptr_t to, size_t size, int64_t offset)"),
    pwrite: bindLibc("int64_t pwrite(int fd, uintptr_t from, size_t size, int64_t offset)"),
  };
  return bound;
}

/** A range of a file and the memory it is read into or written from. */
export interface FileRange {
  /** Address of the memory, from `addressOf`. */
  readonly address: number;
  readonly size: number;
  /** Offset in the file. */
  readonly offset: number;
}

/**
 * Reads a range of an open file; fewer bytes only where the file ends.
 *
 * @returns Bytes read.
 */
export function readRange(fd: number, { address, size, offset }: FileRange): number {
  const { pread } = calls();
  let done = 0;
  while (done < size) {
    const got = pread(fd, address + done, size - done, offset + done);
    if (got === 0) break;
    if (got > 0) done += got;
    else if (lastErrno() !== errnoNumber("EINTR")) throw lastSystemError("read");
  }
  return done;
}

/** Writes a whole range to an open file. */
export function writeRange(fd: number, { address, size, offset }: FileRange): void {
  const { pwrite } = calls();
  let done = 0;
  while (done < size) {
    const put = pwrite(fd, address + done, size - done, offset + done);
    if (put >= 0) done += put;
    else if (lastErrno() !== errnoNumber("EINTR")) throw lastSystemError("write");
  }
}

/** Sets the size of an open file; what is added is a hole. */
export function setSize(fd: number, size: number): void {
  if (calls().ftruncate(fd, size) !== 0) throw lastSystemError("truncate");
}

/** Changes the owner of an open file. */
export function setOwner(fd: number, uid: number, gid: number): void {
  if (calls().fchown(fd, uid, gid) !== 0) throw lastSystemError("chown");
}

/** Changes the permission bits of an open file. */
export function setMode(fd: number, mode: number): void {
  if (calls().fchmod(fd, mode) !== 0) throw lastSystemError("chmod");
}

/** A stretch of a file that holds data. */
export interface DataExtent {
  readonly start: number;
  readonly end: number;
}

/**
 * The first stretch of data at or behind `offset`; everything between the two is a hole and reads as zeros.
 *
 * `undefined` when nothing but a hole follows. A file system that knows no holes says that all is data.
 */
export function nextData(fd: number, offset: number): DataExtent | undefined {
  const { lseek } = calls();
  const start = lseek(fd, offset, SEEK_DATA);
  if (start < 0) {
    if (lastErrno() === errnoNumber("ENXIO")) return undefined;
    return { start: offset, end: Number.MAX_SAFE_INTEGER };
  }
  const end = lseek(fd, start, SEEK_HOLE);
  return { start, end: end > start ? end : Number.MAX_SAFE_INTEGER };
}

/** Bytes of an open file or block device; moves the descriptor's own position. */
export function endOf(fd: number): number {
  const end = calls().lseek(fd, 0, SEEK_END);
  if (end < 0) throw lastSystemError("seek");
  return end;
}

import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

/** Kinds of advisory locks. */
export type FileLockKind = "shared" | "exclusive" | "none";

/** Linux `fcntl` command, asm-generic/fcntl.h. */
const F_SETLK = 6;
/** Values of `l_type`, asm-generic/fcntl.h. */
const RECORD_LOCK_TYPE = { shared: 0, exclusive: 1, none: 2 } as const;
/** Operations of flock(2). */
const FLOCK_OPERATION = { shared: 1, exclusive: 2, none: 8 } as const;
const LOCK_NB = 4;
/** `struct flock` of 64-bit Linux: type, whence, padding, start, length, process id, padding. */
const STRUCT_FLOCK_BYTES = 32;

let fcntl: LibcFunction | undefined;
let flock: LibcFunction | undefined;

/**
 * Sets or drops this process's POSIX record lock on the whole file, without waiting.
 *
 * Such locks belong to the process: closing *any* descriptor of the file drops them, so open the file once.
 *
 * @returns `false` when another process holds a lock in the way.
 * @throws {SystemError} Anything else, for example `EBADF` when the descriptor is not open for the wanted access.
 */
export function tryRecordLock(descriptor: number, kind: FileLockKind): boolean {
  fcntl ??= bindLibc("int fcntl(int fd, int cmd, void *lock)");
  const lock = new Uint8Array(STRUCT_FLOCK_BYTES);
  lock[0] = RECORD_LOCK_TYPE[kind];
  if (fcntl(descriptor, F_SETLK, lock) === 0) return true;
  const errno = lastErrno();
  if (errno === errnoNumber("EAGAIN") || errno === errnoNumber("EACCES")) return false;
  throw lastSystemError("fcntl");
}

/**
 * Sets or drops the lock of flock(2) on an open file or folder, without waiting; it goes with the descriptor.
 *
 * @returns `false` when someone else holds a lock in the way, in this process or another.
 * @throws {SystemError} Anything else, for example `EBADF` or `ENOLCK` on network file systems.
 */
export function tryFlock(descriptor: number, kind: FileLockKind): boolean {
  flock ??= bindLibc("int flock(int fd, int operation)");
  if (flock(descriptor, FLOCK_OPERATION[kind] | LOCK_NB) === 0) return true;
  if (lastErrno() === errnoNumber("EWOULDBLOCK")) return false;
  throw lastSystemError("flock");
}

import { constants } from "node:fs";

import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** Flags of {@link openAt}; descriptors are always closed when another program is started. */
export const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  readWrite: constants.O_RDWR,
  write: constants.O_WRONLY,
  create: constants.O_CREAT,
  exclusive: constants.O_EXCL,
  truncate: constants.O_TRUNC,
  directory: constants.O_DIRECTORY,
  noFollow: constants.O_NOFOLLOW,
  noAccessTime: constants.O_NOATIME,
  nonBlock: constants.O_NONBLOCK,
} as const;

const O_CLOEXEC = 0o2000000;

interface Calls {
  readonly openat: LibcFunction;
  readonly close: LibcFunction;
}

let bound: Calls | undefined;

function calls(): Calls {
  bound ??= {
    openat: bindLibc("int openat(int directory, uintptr_t path, int flags, unsigned int mode)"),
    close: bindLibc("int close(int fd)"),
  };
  return bound;
}

/**
 * Opens a name relative to a directory descriptor.
 *
 * @param mode Permission bits of a file that is created; the umask applies.
 * @returns A descriptor the caller closes.
 * @throws {SystemError} As `openat(2)`.
 */
export function openAt(directoryFd: number, name: Uint8Array, flags: number, mode = 0): number {
  const { openat } = calls();
  const { putName } = scratchMemory();
  for (;;) {
    const fd = openat(directoryFd, putName(name), flags | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    if (lastErrno() !== errnoNumber("EINTR")) {
      throw lastSystemError("open", Buffer.from(name).toString());
    }
  }
}

/**
 * Opens a regular file for reading without following a symbolic link, waiting for a fifo or touching access times.
 *
 * Only the owner and root may leave access times alone; for others they change as the mount says.
 */
export function openForReading(directoryFd: number, name: Uint8Array): number {
  const { openat } = calls();
  const { putName } = scratchMemory();
  const flags = OPEN_FLAGS.read | OPEN_FLAGS.noFollow | OPEN_FLAGS.nonBlock;
  const fd = openat(directoryFd, putName(name), flags | OPEN_FLAGS.noAccessTime | O_CLOEXEC, 0);
  if (fd >= 0) return fd;
  return openAt(directoryFd, name, flags);
}

/** Closes a descriptor; an error at this point changes nothing and is ignored. */
export function closeDescriptor(fd: number): void {
  calls().close(fd);
}

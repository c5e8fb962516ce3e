import { constants } from "node:fs";

import { bindLibc, lastErrno, type LibcFunction } from "./libc.ts";
import { lastSystemError } from "./system-error.ts";

let boundRead: LibcFunction | undefined;
let boundWrite: LibcFunction | undefined;

/**
 * `read(2)` that reports failure in its result, for loops in which a failure (`EAGAIN`) is ordinary.
 *
 * Node's own call throws, which costs more than the system call.
 *
 * @param address Where the bytes go, from `addressOf`; the caller keeps the memory alive.
 * @returns Bytes read, or the negative errno.
 */
export function readDescriptor(fd: number, address: number, size: number): number {
  boundRead ??= bindLibc("int64_t read(int fd, uintptr_t address, size_t size)");
  const result = boundRead(fd, address, size);
  return result < 0 ? -lastErrno() : result;
}

/**
 * `write(2)` that reports failure in its result, the counterpart of {@link readDescriptor}.
 *
 * @returns Bytes written, or the negative errno.
 */
export function writeDescriptor(fd: number, address: number, size: number): number {
  boundWrite ??= bindLibc("int64_t write(int fd, uintptr_t address, size_t size)");
  const result = boundWrite(fd, address, size);
  return result < 0 ? -lastErrno() : result;
}

/** fcntl.h, the same on every architecture. */
const F_GETFL = 3;
const F_SETFL = 4;

/**
 * Makes reads of a descriptor fail with `EAGAIN` where they would wait.
 *
 * @throws {SystemError} As `fcntl(2)`.
 */
export function setNonBlocking(fd: number): void {
  const fcntl = bindLibc("int fcntl(int fd, int command, int argument)");
  const flags = fcntl(fd, F_GETFL, 0);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | constants.O_NONBLOCK) < 0) {
    throw lastSystemError("fcntl");
  }
}

import { getSystemErrorName } from "node:util";

import { BackupError } from "../format/backup-error.ts";
import { lastErrno } from "./libc.ts";

/** Thrown when a system call fails; `code` is the errno name, as in Node's own errors. */
export class SystemError extends BackupError {
  override readonly code: string;
  /** Name of the system call. */
  readonly syscall: string;
  /** Path or other object of the call, if it has one. */
  readonly path: string | undefined;

  constructor(code: string, syscall: string, path?: string) {
    super(`Cannot ${syscall}${path === undefined ? "" : ` "${path}"`}: ${code}`);
    this.code = code;
    this.syscall = syscall;
    this.path = path;
  }
}

/** Makes the error of the C library call that just failed in this thread. */
export function lastSystemError(syscall: string, path?: string): SystemError {
  return new SystemError(getSystemErrorName(-lastErrno()), syscall, path);
}

import { BackupError } from "../format/backup-error.ts";

/** Every errno that a read-only file system of ours answers with, and its Linux number (asm-generic/errno-base.h, errno.h). */
export const errnoNumbers = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EACCES: 13,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENODATA: 61,
  ETIMEDOUT: 110,
  ESTALE: 116,
} as const;

/** Name of an errno of {@link errnoNumbers}. */
export type ErrnoName = keyof typeof errnoNumbers;

/** Thrown by file systems; transports turn it into the kernel's errno. */
export class FsError extends BackupError {
  override readonly code: ErrnoName;

  constructor(code: ErrnoName, action: string, options?: ErrorOptions) {
    super(`Cannot ${action}: ${code}`, options);
    this.code = code;
  }
}

import { BackupError } from "../format/backup-error.ts";

/** Every way a mount can fail to come about, or end other than by being unmounted. */
export const mountErrorMeanings = {
  MOUNT_POINT_INVALID: "the mount point is not a directory that can be used",
  MOUNT_POINT_BUSY: "a backup is already mounted there",
  MOUNT_UNAVAILABLE: "this system does not offer FUSE to this user",
  MOUNT_REFUSED: "the kernel or fusermount3 refused",
  MOUNT_THREAD_FAILED: "the thread that answers the kernel has ended",
} as const;

/** Stable identifier of a {@link MountError}. */
export type MountErrorCode = keyof typeof mountErrorMeanings;

/** Thrown by transports when mounting fails, and by `Mount.ended` when a mount breaks. */
export class MountError extends BackupError {
  override readonly code: MountErrorCode;
  readonly mountPoint: string;

  /**
   * Describes one failed mount.
   *
   * @param detail What exactly is wrong and, where there is one, the remedy; without it the meaning of the code.
   */
  constructor(code: MountErrorCode, mountPoint: string, detail?: string, options?: ErrorOptions) {
    super(`Cannot mount on "${mountPoint}": ${detail ?? mountErrorMeanings[code]}`, options);
    this.code = code;
    this.mountPoint = mountPoint;
  }
}

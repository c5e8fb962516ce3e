import { BackupError } from "../../format/backup-error.ts";

/** Every way a restore ends early. */
export const restoreErrorMeanings = {
  RESTORE_TARGET_NOT_EMPTY: "the directory to restore into is not empty",
  RESTORE_TARGET_UNUSABLE: "the place to restore to cannot be used",
  RESTORE_TARGET_TOO_SMALL: "the device to restore to has less room than the image needs",
  RESTORE_EXISTS: "something is there already, and overwriting it was not asked for",
  RESTORE_UNSAFE_LINK: "a hard link in the archive does not lead to a path inside it",
  RESTORE_FAILED: "a system call failed",
  RESTORE_INCOMPLETE: "damaged parts of the archive were left out",
  RESTORE_STOPPED: "the thread that writes files ended early",
} as const;

/** Stable identifier of a {@link RestoreError}. */
export type RestoreErrorCode = keyof typeof restoreErrorMeanings;

/** Thrown when a restore cannot go on; what only makes it less complete is reported instead. */
export class RestoreError extends BackupError {
  override readonly code: RestoreErrorCode;
  /** Path concerned, below the target unless it is the target. */
  readonly path: string;

  /** Describes one failure; without `detail` by the meaning of its code. */
  constructor(code: RestoreErrorCode, path: string, detail?: string) {
    super(`Cannot restore "${path}": ${detail ?? restoreErrorMeanings[code]}`);
    this.code = code;
    this.path = path;
  }
}

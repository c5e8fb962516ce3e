import { BackupError } from "../../format/backup-error.ts";

/** Every way the tree to back up can make a backup impossible as a whole. */
export const sourceErrorMeanings = {
  SOURCE_UNREADABLE: "what is to be backed up cannot be opened or read",
  SOURCE_SIZE_UNKNOWN: "a pipe does not tell its size, and the server needs to know it",
  SOURCE_VIRTUAL: "the directory lies on a file system that has no content of its own",
  SOURCE_ENTRIES_MAX: "more directory entries would have to be held in memory than allowed",
  SOURCE_ATTRIBUTES_OVERSIZED: "a file has more extended attributes than the kernel hands out",
  SOURCE_STOPPED: "the thread that reads the tree ended early",
} as const;

/** Stable identifier of a {@link SourceError}. */
export type SourceErrorCode = keyof typeof sourceErrorMeanings;

/** Thrown when a tree cannot be backed up at all; single files that cannot be read are reported instead. */
export class SourceError extends BackupError {
  override readonly code: SourceErrorCode;
  /** Directory or file concerned. */
  readonly path: string;

  constructor(code: SourceErrorCode, path: string, options?: ErrorOptions) {
    super(`Cannot back up "${path}": ${sourceErrorMeanings[code]}`, options);
    this.code = code;
    this.path = path;
  }
}

import { BackupError } from "../../format/backup-error.ts";

/** Every way the datastore refuses or fails an operation. */
export const storeErrorMeanings = {
  STORE_NAMESPACE_MISSING: "the namespace does not exist",
  STORE_GROUP_MISSING: "the backup group does not exist",
  STORE_SNAPSHOT_MISSING: "the snapshot does not exist",
  STORE_FILE_MISSING: "the snapshot has no such file",
  STORE_ALREADY_EXISTS: "what should be created exists already",
  STORE_NOT_EMPTY: "what should be removed or created still holds something",
  STORE_LOCKED: "another operation holds a lock that this one needs",
  STORE_NOT_OWNER: "the group belongs to someone else",
  STORE_NOT_NEWER: "the snapshot is not newer than the last one of its group",
  STORE_NO_BASE: "there is no previous snapshot that can serve as a base",
  STORE_PROTECTED: "the snapshot is protected against removal",
  STORE_CHUNK_FORBIDDEN: "no index that this reader opened names the chunk",
  STORE_UPLOAD_REFUSED: "an upload breaks a rule of the backup protocol",
  STORE_SESSION_OVER: "the backup is being finished, is finished or was given up",
  STORE_NOT_A_DATASTORE: "the folder is not a datastore, or what was mounted there is gone",
  STORE_IN_USE: "another process uses the datastore",
  STORE_READ_ONLY: "the datastore was opened for reading only",
  STORE_INDEX_UNREADABLE: "an index cannot be read, so it is not known which chunks are in use",
  STORE_FULL: "the disk has no space left for what is to be written",
  STORE_UNWRITABLE: "the disk cannot be written to",
  STORE_UNREADABLE: "the storage holds the data but cannot give it now, or gives nonsense",
} as const;

/** Stable identifier of a {@link StoreError}. */
export type StoreErrorCode = keyof typeof storeErrorMeanings;

/**
 * Thrown by the datastore; its message is the text that clients get to see.
 *
 * Where the backup protocol prescribes a text, `detail` is that text to the letter (spec backup-protocol.md §2.2, §4).
 */
export class StoreError extends BackupError {
  override readonly code: StoreErrorCode;

  /**
   * Describes one refusal.
   *
   * @param detail The whole message; without it, the meaning of the code.
   */
  constructor(code: StoreErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? storeErrorMeanings[code], options);
    this.code = code;
  }
}

import { BackupError } from "../backup-error.ts";

/** Every way a key can fail to be found, opened or kept, other than a file that breaks its format (`FormatError`). */
export const keyErrorMeanings = {
  KEY_WRONG_PASSPHRASE: "the passphrase does not open the key",
  KEY_PASSPHRASE_SHORT: "the passphrase is too short",
  KEY_PASSPHRASE_MISMATCH: "a new passphrase was typed in two ways",
  KEY_PASSPHRASE_MISSING: "the key needs a passphrase and none was given",
  KEY_FINGERPRINT_MISMATCH: "the key is not the one that its file names",
  KEY_CONFLICT: "a key was given that may not be used",
  KEY_MISSING: "an encryption key is needed and there is none",
  KEY_UNREADABLE: "the key file cannot be read",
  KEY_EXISTS: "there is a key already",
  KEY_UNWRITABLE: "the key file cannot be written",
  KEY_MASTER_UNUSABLE: "the master key cannot be used",
  KEY_UNWRAP_FAILED: "the master key does not open the wrapped key",
} as const;

/** Stable identifier of a {@link KeyError}. */
export type KeyErrorCode = keyof typeof keyErrorMeanings;

/** Thrown by everything that handles keys; no message holds a key or a passphrase. */
export class KeyError extends BackupError {
  override readonly code: KeyErrorCode;

  /**
   * Describes one failure.
   *
   * @param message What could not be done, with the present state; the meaning of the code when left out.
   */
  constructor(code: KeyErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? keyErrorMeanings[code], options);
    this.code = code;
  }
}

import { BackupError } from "./backup-error.ts";

/** Every way stored or received bytes can be wrong. */
export const formatErrorMeanings = {
  FORMAT_TRUNCATED: "the bytes end before the value does",
  FORMAT_BAD_MAGIC: "the bytes do not start with a known magic number",
  FORMAT_OUT_OF_RANGE: "a number is outside what this program or the format allows",
  FORMAT_BAD_CHECKSUM: "a checksum does not fit the bytes it covers",
  FORMAT_INVALID: "the bytes break a rule of the format",
  FORMAT_UNSUPPORTED: "the bytes are valid, but need something that is not available here",
  FORMAT_KEY_REQUIRED: "the bytes are encrypted and no key was given",
  FORMAT_WRONG_KEY: "the bytes were made with another key than the one that was given",
  FORMAT_BAD_SIGNATURE: "the signature does not fit: the bytes were changed after signing",
  FORMAT_NOT_SIGNED: "there is no signature where there has to be one",
  FORMAT_NOT_AUTHENTIC: "the bytes were changed after encryption, or another key made them",
  FORMAT_OTHER_SNAPSHOT: "the manifest is that of another snapshot",
  FORMAT_NOT_AS_LISTED: "the file is not the one that the manifest lists",
  FORMAT_OTHER_CHUNK: "the content is not that of the chunk that was asked for",
  FORMAT_OTHER_ENCRYPTION: "the bytes are encrypted where they must not be, or the reverse",
} as const;

/** Stable identifier of a {@link FormatError}. */
export type FormatErrorCode = keyof typeof formatErrorMeanings;

/** Thrown by every decoder; the message names the thing that was decoded. */
export class FormatError extends BackupError {
  override readonly code: FormatErrorCode;

  /**
   * Describes one failed decoding.
   *
   * @param what What could not be decoded, as an object of "Cannot read …", for example `dynamic index`.
   * @param detail Present state, and the wanted one; without it the meaning of the code is used.
   */
  constructor(code: FormatErrorCode, what: string, detail?: string, options?: ErrorOptions) {
    super(`Cannot read ${what}: ${detail ?? formatErrorMeanings[code]}`, options);
    this.code = code;
  }
}

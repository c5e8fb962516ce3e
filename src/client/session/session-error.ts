import { BackupError } from "../../format/backup-error.ts";

/** Every way a client can fail to reach, trust or use a server, other than the server's own refusals (`ApiError`). */
export const sessionErrorMeanings = {
  SESSION_REPOSITORY_INVALID: "the text does not name a repository",
  SESSION_REPOSITORY_MISSING: "no repository was given",
  SESSION_CREDENTIALS_MISSING: "no password or token secret was given",
  SESSION_CREDENTIALS_UNREADABLE: "the source of a secret cannot be read",
  SESSION_SECOND_FACTOR: "the account needs a second factor, which this program cannot give",
  SESSION_UNREACHABLE: "no connection to the server could be made",
  SESSION_UNTRUSTED: "the server's certificate is not trusted",
  SESSION_LOST: "the connection to the server ended early",
  SESSION_TIMEOUT: "the server did not answer in time",
  SESSION_PROTOCOL: "the server's answer breaks the protocol",
  SESSION_MISMATCH: "the manifest does not list what was asked for",
} as const;

/** Stable identifier of a {@link SessionError}. */
export type SessionErrorCode = keyof typeof sessionErrorMeanings;

/** Thrown by everything that talks to a server. */
export class SessionError extends BackupError {
  override readonly code: SessionErrorCode;

  /**
   * Describes one failure.
   *
   * @param message What could not be done, with the present state; the meaning of the code when left out.
   */
  constructor(code: SessionErrorCode, message?: string, options?: ErrorOptions) {
    super(message ?? sessionErrorMeanings[code], options);
    this.code = code;
  }
}

/** What a request fails with when its connection is gone, or this answer was broken off. */
export function connectionLost(cause: Error | undefined): SessionError {
  return new SessionError(
    "SESSION_LOST",
    "The connection to the server ended early",
    cause === undefined ? {} : { cause },
  );
}

import { BackupError } from "../../format/backup-error.ts";

/** Every way a request can be refused; the text of the refusal is the protocol's own (spec auth.md §8). */
export const apiErrorMeanings = {
  API_PARAMETERS: "a parameter is missing, unknown or has a value that is not allowed",
  API_REFUSED: "the request is understood and cannot be done in the present state",
  API_UNAUTHENTICATED: "the caller did not prove who it is",
  API_FORBIDDEN: "the caller lacks a privilege",
  API_NOT_FOUND: "there is no such path, namespace, snapshot or file",
  API_URI_TOO_LONG: "path and query are longer than the server accepts",
  API_NOT_IMPLEMENTED: "this server does not do that",
  API_BUSY: "too much of the same is under way; it can be tried again soon",
} as const;

/** Stable identifier of an {@link ApiError}. */
export type ApiErrorCode = keyof typeof apiErrorMeanings;

/** HTTP status that goes with each code (spec auth.md §8.4). */
export const apiErrorStatus: Readonly<Record<ApiErrorCode, number>> = {
  API_PARAMETERS: 400,
  API_REFUSED: 400,
  API_UNAUTHENTICATED: 401,
  API_FORBIDDEN: 403,
  API_NOT_FOUND: 404,
  API_URI_TOO_LONG: 414,
  API_NOT_IMPLEMENTED: 501,
  API_BUSY: 503,
};

/**
 * Thrown by handlers; its message is sent to the client as it is.
 *
 * Clients show the text to people and some compare it, so it is not built by the message grammar of other errors.
 */
export class ApiError extends BackupError {
  override readonly code: ApiErrorCode;
  /** Message per parameter, for the `errors` member of extjs replies; empty for all other refusals. */
  readonly parameters: Readonly<Record<string, string>>;

  constructor(
    code: ApiErrorCode,
    text: string,
    options?: ErrorOptions & { readonly parameters?: Readonly<Record<string, string>> },
  ) {
    super(text, options);
    this.code = code;
    this.parameters = options?.parameters ?? {};
  }
}

/** The default refusal: status 400 with a text. */
export function refused(text: string, options?: ErrorOptions): ApiError {
  return new ApiError("API_REFUSED", text, options);
}

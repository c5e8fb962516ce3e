import { BackupError } from "../../format/backup-error.ts";

/** Every way a server refuses a request, by its status (spec auth.md §8.4). */
export const apiErrorMeanings = {
  REFUSED_UNAUTHENTICATED: "the server does not accept the credentials",
  REFUSED_FORBIDDEN: "the account lacks a privilege",
  REFUSED_NOT_FOUND: "the server does not have what was named",
  REFUSED_REQUEST: "the server refuses the request",
  REFUSED_BY_FAILURE: "the server failed",
} as const;

/** Stable identifier of an {@link ApiError}. */
export type ApiErrorCode = keyof typeof apiErrorMeanings;

/** Longest error text taken over from a server, in characters. */
const TEXT_LENGTH_MAX = 2000;

/** A server's refusal: its status and the plain text of its answer, which is made for people. */
export class ApiError extends BackupError {
  override readonly code: ApiErrorCode;
  /** HTTP status of the answer. */
  readonly statusCode: number;

  constructor(statusCode: number, text: string, options?: ErrorOptions) {
    const code = codeOfStatus(statusCode);
    const clean = printable(text);
    super(clean === "" ? `HTTP status ${statusCode}: ${apiErrorMeanings[code]}` : clean, options);
    this.code = code;
    this.statusCode = statusCode;
  }
}

function codeOfStatus(statusCode: number): ApiErrorCode {
  if (statusCode === 401) return "REFUSED_UNAUTHENTICATED";
  if (statusCode === 403) return "REFUSED_FORBIDDEN";
  if (statusCode === 404) return "REFUSED_NOT_FOUND";
  return statusCode >= 500 ? "REFUSED_BY_FAILURE" : "REFUSED_REQUEST";
}

/** A server's text goes to a terminal: control characters other than line ends are dropped. */
function printable(text: string): string {
  return text
    .slice(0, TEXT_LENGTH_MAX)
    .replace(/(?!\n)\p{Cc}/gu, "")
    .trim();
}

import { ChunkError } from "../../chunks/chunk-error.ts";
import { FormatError } from "../../format/format-error.ts";
import { diskFailure } from "../store/disk-failure.ts";
import { StoreError, type StoreErrorCode } from "../store/store-error.ts";
import { ApiError, apiErrorStatus } from "./api-error.ts";

/** What a client gets to see of an error. */
export interface ErrorReply {
  readonly status: number;
  /** The whole body under `/api2/json` (spec auth.md §8.1). */
  readonly text: string;
  /** Message per parameter, for `/api2/extjs`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Whether this has to be logged: our own mistake, or trouble of the machine. */
  readonly isUnexpected: boolean;
}

/**
 * HTTP status of each failure of the datastore: 400 is the protocol's default for everything (spec auth.md §8.4).
 *
 * A missing namespace or file is 404 as far as clients act on it (spec backup-protocol.md §2.2, reader-protocol.md §3.1).
 */
export const storeErrorStatus: Readonly<Record<StoreErrorCode, number>> = {
  STORE_NAMESPACE_MISSING: 404,
  STORE_GROUP_MISSING: 400,
  STORE_SNAPSHOT_MISSING: 400,
  STORE_FILE_MISSING: 404,
  STORE_ALREADY_EXISTS: 400,
  STORE_NOT_EMPTY: 400,
  STORE_LOCKED: 400,
  STORE_NOT_OWNER: 400,
  STORE_NOT_NEWER: 400,
  STORE_NO_BASE: 400,
  STORE_PROTECTED: 400,
  STORE_UPLOAD_REFUSED: 400,
  STORE_SESSION_OVER: 400,
  STORE_NOT_A_DATASTORE: 400,
  STORE_IN_USE: 400,
  STORE_READ_ONLY: 400,
  STORE_CHUNK_FORBIDDEN: 401,
  STORE_INDEX_UNREADABLE: 400,
  STORE_FULL: 507,
  STORE_UNWRITABLE: 500,
  STORE_UNREADABLE: 400,
};

/** Turns anything that was thrown into a reply. */
export function errorReply(error: unknown): ErrorReply {
  if (error instanceof ApiError) {
    return reply(apiErrorStatus[error.code], error.message, error.parameters);
  }
  if (error instanceof StoreError) return reply(storeErrorStatus[error.code], storeText(error));
  if (error instanceof FormatError || error instanceof ChunkError) return reply(400, error.message);
  const ofDisk = diskFailure(error);
  if (ofDisk) return { ...errorReply(ofDisk), isUnexpected: true };
  const fastifyStatus = statusOfFastify(error);
  if (fastifyStatus !== undefined) return fastifyStatus;
  return { status: 500, text: "internal server error", parameters: {}, isUnexpected: true };
}

/** The official client looks for the system's words about a group that does not exist (spec rest-api.md §5.8). */
function storeText({ code, message }: StoreError): string {
  return code === "STORE_GROUP_MISSING" ? `${message}: ENOENT: No such file or directory` : message;
}

function reply(
  status: number,
  text: string,
  parameters: Readonly<Record<string, string>> = {},
): ErrorReply {
  return { status, text, parameters, isUnexpected: false };
}

function statusOfFastify(error: unknown): ErrorReply | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") {
    return undefined;
  }
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return reply(400, "Request body too large");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return reply(400, "unsupported content type");
    case "FST_ERR_BAD_URL":
    case "FST_ERR_MAX_PARAM_LENGTH":
      return reply(400, "invalid path");
    case "ERR_STREAM_PREMATURE_CLOSE":
    case "ECONNRESET":
      return reply(400, "connection closed");
    default:
      return undefined;
  }
}

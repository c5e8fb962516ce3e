import { formatErrorFrom } from "../../chunks/codec-message.ts";
import { FormatError, type FormatErrorCode } from "../../format/format-error.ts";
import { RestoreError, type RestoreErrorCode } from "./restore-error.ts";

/** An error on its way from one thread to another, as plain data. */
export type RestoreFailure =
  | {
      readonly kind: "restore";
      readonly code: RestoreErrorCode;
      readonly path: string;
      readonly message: string;
    }
  | { readonly kind: "format"; readonly code: FormatErrorCode; readonly message: string }
  | { readonly kind: "other"; readonly message: string; readonly stack: string };

/** Makes plain data of an error. */
export function takeApart(error: unknown): RestoreFailure {
  if (error instanceof RestoreError) {
    return { kind: "restore", code: error.code, path: error.path, message: error.message };
  }
  if (error instanceof FormatError) {
    return { kind: "format", code: error.code, message: error.message };
  }
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return { kind: "other", message: String(error), stack };
}

/** Makes the error again. */
export function putTogether(failure: RestoreFailure): Error {
  switch (failure.kind) {
    case "restore": {
      const { code, path, message } = failure;
      const error = new RestoreError(code, path);
      error.message = message;
      return error;
    }
    case "format":
      return formatErrorFrom(failure);
    case "other": {
      const error = new Error(failure.message);
      error.stack = failure.stack;
      return error;
    }
  }
}

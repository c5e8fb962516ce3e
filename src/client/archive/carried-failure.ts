import { SourceError, type SourceErrorCode } from "../source/source-error.ts";

/** A failure taken apart, because threads pass on neither the class nor the code of an error. */
export type CarriedFailure =
  | {
      readonly kind: "source";
      readonly code: SourceErrorCode;
      readonly path: string;
      readonly cause: string;
    }
  | { readonly kind: "other"; readonly message: string; readonly stack: string };

/** Takes a failure apart for another thread. */
export function carriedFailure(error: unknown): CarriedFailure {
  if (error instanceof SourceError) {
    const cause = error.cause instanceof Error ? error.cause.message : "";
    return { kind: "source", code: error.code, path: error.path, cause };
  }
  if (!(error instanceof Error)) return { kind: "other", message: String(error), stack: "" };
  return { kind: "other", message: error.message, stack: error.stack ?? "" };
}

/** The failure as an error again. */
export function failureCarried(failure: CarriedFailure): Error {
  if (failure.kind === "source") {
    const { code, path, cause } = failure;
    return new SourceError(code, path, cause === "" ? undefined : { cause: new Error(cause) });
  }
  const error = new Error(failure.message);
  error.stack = failure.stack;
  return error;
}

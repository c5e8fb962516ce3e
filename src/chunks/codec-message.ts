import { FormatError, type FormatErrorCode } from "../format/format-error.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { type CodecResult, type CodecTask } from "./codec-task.ts";

/** What a codec thread is sent: a key it will need, or a task. Order is kept. */
export type CodecMessage =
  | { readonly kind: "key"; readonly keyId: number; readonly key: CryptKey }
  | { readonly kind: "task"; readonly taskId: number; readonly task: CodecTask };

/** What a codec thread answers to a task. */
export type CodecAnswer =
  | { readonly taskId: number; readonly result: CodecResult }
  | { readonly taskId: number; readonly formatError: FormatErrorParts }
  | { readonly taskId: number; readonly error: unknown };

/** A {@link FormatError} taken apart, because threads pass on neither the class nor the code of an error. */
export interface FormatErrorParts {
  readonly code: FormatErrorCode;
  readonly message: string;
}

/** Takes an error apart for another thread; the cause stays behind. */
export function formatErrorParts(error: FormatError): FormatErrorParts {
  return { code: error.code, message: error.message };
}

/** Puts an error from another thread together again. */
export function formatErrorFrom(parts: FormatErrorParts): FormatError {
  const [, what = "chunk", detail = parts.message] =
    /^Cannot read (.*?): (.*)$/s.exec(parts.message) ?? [];
  return new FormatError(parts.code, what, detail);
}

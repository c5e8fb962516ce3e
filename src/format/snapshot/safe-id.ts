import { FormatError } from "../format-error.ts";

/** Allowed characters of nearly every name (spec datastore.md §2): no separator, no leading dot or dash. */
const SAFE_ID = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/** Shortest and longest form of a name, in bytes. */
export interface SafeIdBounds {
  readonly min: number;
  readonly max: number;
}

/** Whether `text` consists of the characters that names may have and is neither too short nor too long. */
export function isSafeId(text: string, { min, max }: SafeIdBounds): boolean {
  return text.length >= min && text.length <= max && SAFE_ID.test(text);
}

/**
 * Lets a name pass or fails.
 *
 * @param what Name of the thing, for example `datastore name`.
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function checkSafeId(text: string, bounds: SafeIdBounds, what: string): void {
  if (!isSafeId(text, bounds)) throw new FormatError("FORMAT_INVALID", what, quoted(text));
}

/** Outside text as it may stand in a message: quoted, on one line, not longer than 100 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}

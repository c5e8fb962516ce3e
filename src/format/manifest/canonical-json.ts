import { FormatError } from "../format-error.ts";

/** A JSON value; `bigint` for integers that a `number` cannot hold. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;

/** A JSON object. Its members have no order: both writers here sort them. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/**
 * Deepest nesting that is written or accepted. Upstream's parser stops at 128, so nothing deeper can be a manifest of
 * a reference client.
 */
export const JSON_DEPTH_MAX = 127;

const encoder = new TextEncoder();

/**
 * Prints JSON in the one form that signatures are computed over: sorted members, no white space, no null.
 *
 * @throws {FormatError} `FORMAT_INVALID` for null anywhere, `FORMAT_OUT_OF_RANGE` for nesting too deep.
 * @see spec manifest.md §3.1
 */
export function canonicalJson(value: Json): string {
  return print(value, { open: "", close: "", colon: ":", allowNull: false, depth: 0 });
}

/**
 * Prints JSON as the reference stores it: sorted members, indented by two spaces, no newline at the end.
 *
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` for nesting too deep.
 * @see spec manifest.md §2.1
 */
export function prettyJson(value: Json): string {
  return print(value, { open: "\n  ", close: "\n", colon: ": ", allowNull: true, depth: 0 });
}

interface Layout {
  /** What stands before each member, and before a closing bracket. */
  readonly open: string;
  readonly close: string;
  readonly colon: string;
  readonly allowNull: boolean;
  readonly depth: number;
}

function print(value: Json, layout: Layout): string {
  if (value === null) {
    if (layout.allowNull) return "null";
    throw new FormatError("FORMAT_INVALID", "manifest", "null cannot be signed");
  }
  if (typeof value !== "object") return typeof value === "bigint" ? `${value}` : scalar(value);
  if (layout.depth >= JSON_DEPTH_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "JSON text", "the nesting is too deep");
  }
  const isIndented = layout.open !== "";
  const inner = {
    ...layout,
    open: isIndented ? `${layout.open}  ` : "",
    close: isIndented ? `${layout.close}  ` : "",
    depth: layout.depth + 1,
  };
  if (isArray(value)) {
    return enclose(
      "[",
      "]",
      value.map((item) => print(item, inner)),
      layout,
    );
  }
  const members = Object.entries(value)
    .map(([name, item]) => ({ name, item, order: encoder.encode(name) }))
    .sort((a, b) => compareBytes(a.order, b.order))
    .map(({ name, item }) => `${scalar(name)}${layout.colon}${print(item, inner)}`);
  return enclose("{", "}", members, layout);
}

function enclose(left: string, right: string, parts: readonly string[], layout: Layout): string {
  if (parts.length === 0) return left + right;
  return left + layout.open + parts.join(`,${layout.open}`) + layout.close + right;
}

/** The platform escapes exactly what the format wants: quotes, backslashes, control characters (lower-case digits). */
function scalar(value: string | number | boolean): string {
  return JSON.stringify(value);
}

function isArray(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

import { FormatError } from "../format-error.ts";
import { JSON_DEPTH_MAX, type Json, type JsonObject } from "./canonical-json.ts";

/**
 * Parses JSON text from outside; later members win over earlier ones of the same name.
 *
 * @param what Name of the thing for messages.
 * @throws {FormatError} `FORMAT_INVALID` for anything but JSON, `FORMAT_OUT_OF_RANGE` for nesting too deep.
 */
export function parseJson(text: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not with the platform's error as its cause: that quotes the text, which may be a key.
    throw new FormatError("FORMAT_INVALID", what, "it is not JSON");
  }
  return asJson(value, what, 0);
}

/** Proves the shape of what the platform's parser gave, and its depth. */
function asJson(value: unknown, what: string, depth: number): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return value;
  if (depth >= JSON_DEPTH_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", what, "the nesting is too deep");
  }
  if (Array.isArray(value)) return value.map((item: unknown) => asJson(item, what, depth + 1));
  if (typeof value !== "object") throw new FormatError("FORMAT_INVALID", what, "it is not JSON");
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, unknown]) => [
      name,
      asJson(item, what, depth + 1),
    ]),
  );
}

/** Whether a JSON value is an object. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

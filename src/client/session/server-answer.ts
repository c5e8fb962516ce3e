import { SessionError } from "./session-error.ts";

/** A JSON object whose members are not looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A whole answer: some calls say more beside their `data` (spec rest-api.md §1.1). */
export type WholeAnswer = JsonObject & { readonly data: unknown };

/**
 * Takes the `data` member out of a server's answer; an empty answer counts as `null` (spec backup-protocol.md §2.7).
 *
 * @throws {SessionError} `SESSION_PROTOCOL`.
 */
export function parseAnswer(bytes: Uint8Array, what: string): unknown {
  return parseWholeAnswer(bytes, what).data;
}

/**
 * Parses a server's answer with all its members; an empty one counts as `{"data":null}`.
 *
 * @throws {SessionError} `SESSION_PROTOCOL`.
 */
export function parseWholeAnswer(bytes: Uint8Array, what: string): WholeAnswer {
  if (bytes.length === 0) return { data: null };
  let answer: unknown;
  try {
    answer = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new SessionError("SESSION_PROTOCOL", `Cannot read the answer to ${what}: not JSON`, {
      cause,
    });
  }
  if (!isJsonObject(answer) || !("data" in answer)) {
    throw new SessionError("SESSION_PROTOCOL", `Cannot read the answer to ${what}: it has no data`);
  }
  return { ...answer, data: answer["data"] };
}

/** Tells whether a parsed value is an object, and not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Takes a list of objects out of an answer.
 *
 * @throws {SessionError} `SESSION_PROTOCOL`.
 */
export function objectsOf(data: unknown, what: string): readonly JsonObject[] {
  if (!Array.isArray(data)) {
    throw new SessionError("SESSION_PROTOCOL", `Cannot read the answer to ${what}: not a list`);
  }
  return data.filter(isJsonObject);
}

/** A member that should be a text; `undefined` when it is not there or something else. */
export function textMember(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  return typeof value === "string" ? value : undefined;
}

/** A member that should be a number; `undefined` when it is not there or something else. */
export function numberMember(object: JsonObject, name: string): number | undefined {
  const value = object[name];
  return typeof value === "number" ? value : undefined;
}

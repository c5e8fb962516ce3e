import assert from "node:assert/strict";

import { type TSchema } from "typebox";
import { Compile } from "typebox/compile";

const compiled = new WeakMap<TSchema, ReturnType<typeof compileClosed>>();

/**
 * Demands that a reply is what its route promises, to the member: what the schema does not name must not be there,
 * since it would be left out silently.
 *
 * @param data Of the reply; `undefined` (bytes, or an answer given elsewhere) fits every schema.
 * @throws {AssertionError} Naming the first place that does not fit; a mistake of ours.
 */
export function requireReply(schema: TSchema, data: unknown): void {
  if (data === undefined) return;
  let check = compiled.get(schema);
  if (!check) compiled.set(schema, (check = compileClosed(schema)));
  const sent: unknown = JSON.parse(JSON.stringify(data));
  const [problem] = check.Check(sent) ? [] : check.Errors(sent);
  assert(
    problem === undefined,
    `a reply breaks its schema at "${problem?.instancePath ?? ""}": ${problem?.message ?? ""}`,
  );
}

/** The schema with every object closed that does not say what else it may hold. */
function compileClosed(schema: TSchema) {
  const closed: unknown = JSON.parse(JSON.stringify(schema), (_name, value: unknown) => {
    const isOpen =
      typeof value === "object" &&
      value !== null &&
      "type" in value &&
      value.type === "object" &&
      "properties" in value &&
      !("additionalProperties" in value);
    return isOpen ? { ...value, additionalProperties: false } : value;
  });
  assert(typeof closed === "object" && closed !== null, "a schema is an object");
  return Compile(closed);
}

import { type Static, type TObject, type TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";

import { ApiError } from "./api-error.ts";
import { textFormatProblems } from "./text-format.ts";

/** Parameters as they arrive: texts, repeated texts, or JSON values. */
export type RawParameters = Readonly<Record<string, unknown>>;

/** Parameters of one request, by where they come from; texts win. */
export interface GivenParameters {
  /** From path, query and form: given the type of the schema. */
  readonly texts: RawParameters;
  /** From JSON: must have their type already (spec auth.md §8.2). */
  readonly values?: RawParameters;
}

/** What to do with parameters the schema does not name. */
export type UnknownParameters = "refuse" | "ignore";

/** Checks the parameters of one method and gives them their types. */
export interface ParameterCheck<Schema extends TObject> {
  readonly schema: Schema;
  /**
   * Turns texts of a query or form into the schema's types and checks everything, formats of texts too.
   *
   * `_dc` is dropped (spec auth.md §8.2). Members that are absent stay absent.
   *
   * @throws {ApiError} `API_PARAMETERS`, naming every bad parameter.
   */
  verify(given: GivenParameters): Static<Schema>;
}

/** Prepares the check for a method's schema; the schema is compiled once, on first use. */
export function parameterCheck<Schema extends TObject>(
  schema: Schema,
  unknown: UnknownParameters = "refuse",
): ParameterCheck<Schema> {
  let compiled: ReturnType<typeof compile<Schema>> | undefined;
  return {
    schema,
    verify(given) {
      const problems = new Map<string, string>();
      const value = coerceAll(schema, given, unknown, problems);
      for (const [name, problem] of textFormatProblems(schema, value)) {
        problems.set(name, problem);
      }
      compiled ??= compile(schema);
      if (problems.size === 0 && compiled.Check(value)) return value;
      for (const error of compiled.Errors(value)) {
        const name = error.instancePath.split("/")[1] ?? "";
        if (name !== "" && !problems.has(name)) {
          problems.set(name, describe(error, memberAt(value, error.instancePath)));
        }
      }
      throw parameterError(problems);
    },
  };
}

function compile<Schema extends TObject>(schema: Schema) {
  return Compile(schema);
}

function coerceAll(
  schema: TObject,
  { texts, values = {} }: GivenParameters,
  unknown: UnknownParameters,
  problems: Map<string, string>,
): Record<string, unknown> {
  const properties: Readonly<Record<string, TSchema>> = schema.properties;
  const required = new Set<string>(schema.required);
  const value: Record<string, unknown> = {};
  const take = (raw: RawParameters, read: (property: TSchema, given: unknown) => unknown): void => {
    for (const [name, given] of Object.entries(raw)) {
      if (name === "_dc") continue;
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (property) value[name] = read(property, given);
      else if (unknown === "refuse") {
        problems.set(name, "schema does not allow additional properties.");
      }
    }
  };
  take(values, (_, given) => given);
  take(texts, coerceText);
  for (const name of required) {
    if (!Object.hasOwn(value, name)) {
      problems.set(name, "parameter is missing and it is not optional.");
    }
  }
  for (const [name, given] of Object.entries(value)) {
    // Beyond it a number is not what was sent, whatever the schema says.
    if (!Number.isInteger(given) || Number.isSafeInteger(given)) continue;
    const bound = Number(given) > 0 ? "maximum" : "minimum";
    const limit = Number(given) > 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
    problems.set(name, `value must have a ${bound} value of ${limit} (got ${String(given)})`);
  }
  return value;
}

const TRUE_TEXTS = new Set(["1", "on", "yes", "true"]);
const FALSE_TEXTS = new Set(["0", "off", "no", "false"]);

/** A text in the type of its schema; what does not fit stays as it is, for the check to name. */
function coerceText(schema: TSchema, given: unknown): unknown {
  const type = "type" in schema ? schema.type : undefined;
  if (type === "array" && "items" in schema) {
    const items: unknown = schema.items;
    const list: readonly unknown[] = Array.isArray(given) ? given : [given];
    return isSchema(items) ? list.map((item) => coerceText(items, item)) : list;
  }
  if (typeof given !== "string") return given;
  if (type === "integer" || type === "number") {
    return /^-?[0-9]{1,16}(\.[0-9]{1,16})?$/.test(given) ? Number(given) : given;
  }
  if (type === "boolean") {
    const text = given.toLowerCase();
    if (TRUE_TEXTS.has(text)) return true;
    if (FALSE_TEXTS.has(text)) return false;
  }
  return given;
}

function isSchema(value: unknown): value is TSchema {
  return typeof value === "object" && value !== null;
}

function memberAt(value: unknown, path: string): unknown {
  let member: unknown = value;
  for (const key of path.split("/").slice(1)) {
    if (typeof member !== "object" || member === null) return undefined;
    member = Object.getOwnPropertyDescriptor(member, key)?.value;
  }
  return member;
}

type CheckError = ReturnType<Validator["Errors"]>[number];

function describe(error: CheckError, value: unknown): string {
  const shown = typeof value === "string" ? value.slice(0, 100) : JSON.stringify(value);
  if (error.keyword === "minimum") {
    return `value must have a minimum value of ${error.params.limit} (got ${shown})`;
  }
  if (error.keyword === "maximum") {
    return `value must have a maximum value of ${error.params.limit} (got ${shown})`;
  }
  if (error.keyword === "enum") return `value '${shown}' is not defined in the enumeration.`;
  if (error.keyword === "minLength") {
    return `value must be at least ${error.params.limit} characters long`;
  }
  if (error.keyword === "maxLength") {
    return `value may only be ${error.params.limit} characters long`;
  }
  if (error.keyword === "pattern") return "value does not match the regex pattern";
  if (error.keyword === "type") return `expected ${String(error.params.type)} value.`;
  return error.message;
}

function parameterError(problems: ReadonlyMap<string, string>): ApiError {
  const parameters = Object.fromEntries(problems);
  const lines = [...problems].map(([name, problem]) => `'${name}': ${problem}`);
  const text =
    lines.length === 1
      ? `parameter verification failed - ${lines.join("")}`
      : ["parameter verification failed:", ...lines.map((line) => `- ${line}`)].join("\n");
  return new ApiError("API_PARAMETERS", text, { parameters });
}

/**
 * Parses a query or a form; a key that is repeated becomes an array (spec auth.md §8.2).
 *
 * A malformed escape stays as it is, as in browsers.
 */
export function parseForm(text: string): RawParameters {
  const result: { [name: string]: unknown; __proto__: null } = { __proto__: null };
  for (const [name, value] of new URLSearchParams(text)) {
    const present = result[name];
    if (present === undefined) result[name] = value;
    else if (Array.isArray(present)) present.push(value);
    else result[name] = [present, value];
  }
  return result;
}

/**
 * Parses a JSON body; `null` counts as no parameters.
 *
 * @throws {ApiError} `API_PARAMETERS` for anything that is no object.
 */
export function parseJsonParameters(text: string): RawParameters {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiError("API_PARAMETERS", "unable to parse parameters: invalid JSON", { cause });
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new ApiError("API_PARAMETERS", "unable to parse parameters: expected a JSON object");
  }
  return { ...value };
}

import { type TObject, type TSchema } from "typebox";

import { type Section } from "./section-config.ts";

/** Values of a section's properties by the types of a schema, without those it does not name. */
export type SectionValues = Readonly<Record<string, SectionValue>>;

/** One value of a property. */
export type SectionValue = string | number | boolean | readonly string[];

const TRUE_TEXTS = new Set(["1", "on", "yes", "true"]);

/** Whether the text of a switch says that it is on. */
export function isTrueText(text: string): boolean {
  return TRUE_TEXTS.has(text.toLowerCase());
}

/** Reads the properties that a schema names; numbers, switches and lists become what they are. */
export function sectionValues(section: Section, schema: TObject): Record<string, SectionValue> {
  const types: Readonly<Record<string, TSchema>> = schema.properties;
  const values: Record<string, SectionValue> = {};
  for (const [name, text] of section.properties) {
    const property = Object.hasOwn(types, name) ? types[name] : undefined;
    if (property) values[name] = valueOf(property, text);
  }
  return values;
}

function valueOf(schema: TSchema, text: string): SectionValue {
  switch ("type" in schema ? schema.type : undefined) {
    case "integer":
    case "number":
      return Number(text);
    case "boolean":
      return isTrueText(text);
    case "array":
      return text === "" ? [] : text.split("\n");
    default:
      return text;
  }
}

/**
 * A section with some properties replaced and some removed; the others, also unknown ones, stay in their place.
 *
 * @param values `undefined` and empty lists leave a property as it is, respectively remove it.
 */
export function changedSection(
  section: Section,
  values: Readonly<Record<string, SectionValue | undefined>>,
  removed: readonly string[] = [],
): Section {
  const properties = new Map(section.properties);
  for (const name of removed) properties.delete(name);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (typeof value !== "object") properties.set(name, String(value));
    else if (value.length > 0) properties.set(name, value.join("\n"));
    else properties.delete(name);
  }
  return { ...section, properties };
}

import { Type, type TOptional, type TString } from "typebox";

import { parsePropertyString } from "../configuration/property-string.ts";

interface PropertyStringFormat {
  /** Key of a first member that has none. */
  readonly defaultKey?: string;
  /** Allowed keys, and what their values look like. */
  readonly keys: Readonly<Record<string, RegExp>>;
}

const NOTIFY_KIND = /^(never|error|always)$/;

/** Formats of parameters that hold several values in one text (spec rest-api.md §1.2, §7). */
const propertyStringFormats = {
  "maintenance-mode": {
    defaultKey: "type",
    // eslint-disable-next-line no-control-regex -- control characters are exactly what must not occur
    keys: { type: /^(read-only|offline|delete)$/, message: /^[^\x00-\x1f\x7f]{0,128}$/ },
  },
  "datastore-tuning": {
    keys: {
      "chunk-order": /^(inode|none)$/,
      "sync-level": /^(none|file|filesystem)$/,
      "gc-atime-cutoff": /^([1-9][0-9]{0,2}|1[0-9]{3}|2[0-7][0-9]{2}|28[0-7][0-9]|2880)$/,
      "gc-atime-safety-check": /^(0|1|true|false)$/,
      "gc-cache-capacity": /^[0-9]{1,9}$/,
    },
  },
  "datastore-notify": {
    keys: { gc: NOTIFY_KIND, verify: NOTIFY_KIND, sync: NOTIFY_KIND, prune: NOTIFY_KIND },
  },
} as const satisfies Readonly<Record<string, PropertyStringFormat>>;

/** Name of a format of property strings, as in the `format` of a schema. */
export type PropertyStringName = keyof typeof propertyStringFormats;

/** Schema of an optional parameter that is a property string. */
export function optionalPropertyString(
  format: PropertyStringName,
  description: string,
): TOptional<TString> {
  return Type.Optional(Type.String({ format, description }));
}

/** What is wrong with a value of a format of property strings; `undefined` if nothing, or if the format is another one. */
export function propertyStringProblem(name: string, text: string): string | undefined {
  const format = Object.entries(propertyStringFormats).find(([each]) => each === name)?.[1];
  return format && problemOf(format, text);
}

function problemOf(format: PropertyStringFormat, text: string): string | undefined {
  const members = parsePropertyString(text, format.defaultKey);
  if (!members) return "value is no property string";
  for (const [key, value] of members) {
    const pattern = Object.hasOwn(format.keys, key) ? format.keys[key] : undefined;
    if (!pattern) return `'${key}': schema does not allow additional properties.`;
    if (!pattern.test(value)) return `'${key}': value '${value.slice(0, 100)}' is not allowed`;
  }
  return format.defaultKey === undefined || members.has(format.defaultKey)
    ? undefined
    : `'${format.defaultKey}': parameter is missing and it is not optional.`;
}

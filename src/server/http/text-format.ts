import { Type, type TObject, type TSchema, type TString } from "typebox";

import { parseSizeText } from "../../format/bytes/size-text.ts";
import { FormatError } from "../../format/format-error.ts";
import { parseCalendarEvent } from "../../format/schedule/calendar-event.ts";
import { propertyStringProblem } from "./property-string.ts";

/** A parameter that says when something happens (spec calendar-events.md §1). */
export function calendarEvent(description: string): TString {
  return Type.String({ format: "calendar-event", minLength: 1, maxLength: 128, description });
}

/** A parameter that is a number of bytes with a unit (spec rest-api.md §1.5). */
export function byteSize(description: string): TString {
  return Type.String({ format: "byte-size", maxLength: 32, description });
}

/** Names of texts among the values that break the format of their schema, and what is wrong. */
export function* textFormatProblems(
  schema: TObject,
  values: Readonly<Record<string, unknown>>,
): Generator<readonly [name: string, problem: string]> {
  const properties: Readonly<Record<string, TSchema>> = schema.properties;
  for (const [name, property] of Object.entries(properties)) {
    const value = values[name];
    if (!("format" in property) || typeof value !== "string") continue;
    const problem = problemOf(String(property.format), value);
    if (problem !== undefined) yield [name, problem];
  }
}

/** The schema of a value as it stands in a reply: the serializer knows none of our formats. */
export function shownText<Schema extends TSchema>(schema: Schema): Schema | TString {
  return "format" in schema ? Type.String() : schema;
}

function problemOf(format: string, text: string): string | undefined {
  switch (format) {
    case "calendar-event":
      return calendarEventProblem(text);
    case "byte-size":
      return parseSizeText(text) === undefined ? `unable to parse byte size '${text}'` : undefined;
    default:
      return propertyStringProblem(format, text);
  }
}

function calendarEventProblem(text: string): string | undefined {
  try {
    parseCalendarEvent(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return `unable to parse calendar event '${text}'`;
  }
}

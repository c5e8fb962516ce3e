import { type ApiParameters } from "./api-call.ts";

/** Settings as a change of all of them: those that are `undefined` are set back to their default. */
export function changedSettings(settings: ApiParameters): ApiParameters {
  const isUnset = (name: string): boolean => settings[name] === undefined;
  const given = Object.entries(settings).filter(([name]) => !isUnset(name));
  return { ...Object.fromEntries(given), delete: Object.keys(settings).filter(isUnset) };
}

/** A text as a setting: an empty one is none. */
export function setText(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed === "" ? undefined : trimmed;
}

/** A number of a field as a setting: what is no number, as it is while it is being typed, is none. */
export function setNumber(value: number | string): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** The lines of a text as a setting: none when there is none. */
export function setLines(text: string): readonly string[] | undefined {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return lines.length === 0 ? undefined : lines;
}

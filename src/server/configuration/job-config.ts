import { type Section } from "./section-config.ts";
import { isTrueText } from "./section-entry.ts";

/** What every job of the configuration has (spec rest-api.md §7). */
export interface JobEntry {
  readonly id: string;
  readonly store: string;
  readonly namespace: string;
  /** Calendar event, unchecked; `undefined` for a job that is only run by hand. */
  readonly schedule: string | undefined;
  /** Whether the schedule is on. */
  readonly isEnabled: boolean;
  /** Levels below the namespace; `undefined` for all. */
  readonly depthMax: number | undefined;
}

/** One job of `prune.cfg`, `verification.cfg` or `sync.cfg`, as far as it is like the others. */
export function jobEntry({ id, properties }: Section): JobEntry {
  return {
    id,
    store: properties.get("store") ?? "",
    namespace: properties.get("ns") ?? "",
    schedule: properties.get("schedule"),
    isEnabled: !isTrueText(properties.get("disable") ?? "0"),
    depthMax: numberProperty(properties, "max-depth"),
  };
}

/** A property that is a whole number; `undefined` when it is absent or none. */
export function numberProperty(
  properties: Section["properties"],
  name: string,
): number | undefined {
  const text = properties.get(name);
  return text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
}

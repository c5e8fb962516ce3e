import { apiSend, type ApiParameters } from "./api-call.ts";
import { changedSettings } from "./changed-settings.ts";

/** Kinds of entries below `/config`, with the parameter that names one. */
const idNames = {
  prune: "id",
  verify: "id",
  sync: "id",
  remote: "name",
  "traffic-control": "name",
  "notifications/matchers": "name",
  "notifications/endpoints/smtp": "name",
  "notifications/endpoints/sendmail": "name",
  "notifications/endpoints/gotify": "name",
  "notifications/endpoints/webhook": "name",
} as const;

/** A kind of entries of the configuration: `/config/KIND`. */
export type EntryKind = keyof typeof idNames;

/**
 * Makes or changes an entry.
 *
 * @param settings Complete; those that are `undefined` are set back when the entry exists.
 */
export async function saveEntry(
  kind: EntryKind,
  id: string,
  settings: ApiParameters,
  existing: "new" | "exists",
): Promise<void> {
  const base = `/config/${kind}`;
  if (existing === "new") await apiSend("POST", base, { [idNames[kind]]: id, ...settings });
  else await apiSend("PUT", `${base}/${encodeURIComponent(id)}`, changedSettings(settings));
}

/** Removes an entry. */
export async function removeEntry(kind: EntryKind, id: string): Promise<void> {
  await apiSend("DELETE", `/config/${kind}/${encodeURIComponent(id)}`);
}

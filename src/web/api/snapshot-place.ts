import { type ApiParameters } from "./api-call.ts";

/** Kinds of what can be backed up. */
export type BackupType = "vm" | "ct" | "host";

/** A namespace of a datastore; the root is the empty text. */
export interface NamespacePlace {
  readonly store: string;
  readonly ns: string;
}

/** A group of snapshots. */
export interface GroupPlace extends NamespacePlace {
  readonly type: BackupType;
  readonly id: string;
}

/** One snapshot. */
export interface SnapshotPlace extends GroupPlace {
  readonly timeSec: number;
}

/** `host/name`. */
export function groupName({ type, id }: Pick<GroupPlace, "type" | "id">): string {
  return `${type}/${id}`;
}

/** `host/name/2026-01-01T00:00:00Z`, as every command takes it. */
export function snapshotName(place: Pick<SnapshotPlace, "type" | "id" | "timeSec">): string {
  const time = new Date(place.timeSec * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  return `${groupName(place)}/${time}`;
}

/** Whether a text is one of the kinds. */
export function isBackupType(text: string): text is BackupType {
  return text === "vm" || text === "ct" || text === "host";
}

/** A group as parameters of the API. */
export function groupParameters({ ns, type, id }: GroupPlace): ApiParameters {
  return { ...namespaceParameter(ns), "backup-type": type, "backup-id": id };
}

/** A snapshot as parameters of the API. */
export function snapshotParameters(place: SnapshotPlace): ApiParameters {
  return { ...groupParameters(place), "backup-time": place.timeSec };
}

/** A namespace as a parameter of the API: the root is left out. */
export function namespaceParameter(ns: string): ApiParameters {
  return ns === "" ? {} : { ns };
}

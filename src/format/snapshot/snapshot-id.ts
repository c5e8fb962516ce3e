import { FormatError } from "../format-error.ts";
import { checkSafeId, quoted } from "./safe-id.ts";
import { parseTimeText, timeText } from "./time-text.ts";

/** The kinds of things that are backed up, in the order in which listings have them (spec datastore.md §1.1). */
export const backupTypes = ["ct", "host", "vm"] as const;

/** Virtual machine, container or host. */
export type BackupType = (typeof backupTypes)[number];

/** Which one of its type: a name of letters, digits, `_`, `.` and `-`. */
export type BackupId = string & { readonly __brand: "BackupId" };

/** All snapshots of one machine in one namespace. */
export interface BackupGroup {
  readonly type: BackupType;
  readonly id: BackupId;
}

/** One run of a backup within a namespace. */
export interface SnapshotId extends BackupGroup {
  /** When it was begun, in seconds since the epoch. */
  readonly timeSec: number;
}

/** Longest id that can be a directory's name, in bytes. */
const ID_BYTES_MAX = 255;

/**
 * Parses `vm`, `ct` or `host`.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseBackupType(text: string): BackupType {
  const type = backupTypes.find((known) => known === text);
  if (type === undefined) throw new FormatError("FORMAT_INVALID", "backup type", quoted(text));
  return type;
}

/**
 * Parses the name of a machine (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseBackupId(text: string): BackupId {
  checkSafeId(text, { min: 1, max: ID_BYTES_MAX }, "backup id");
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, after the check
  return text as BackupId;
}

/**
 * Parses `<type>/<id>`.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseBackupGroup(text: string): BackupGroup {
  const [type, id, ...rest] = text.split("/");
  if (type === undefined || id === undefined || rest.length > 0) {
    throw new FormatError("FORMAT_INVALID", "backup group", `${quoted(text)}, not <type>/<id>`);
  }
  return { type: parseBackupType(type), id: parseBackupId(id) };
}

/**
 * Parses `<type>/<id>/<YYYY-MM-DDTHH:MM:SSZ>`.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseSnapshotId(text: string): SnapshotId {
  const [type, id, time, ...rest] = text.split("/");
  if (type === undefined || id === undefined || time === undefined || rest.length > 0) {
    throw new FormatError("FORMAT_INVALID", "snapshot", `${quoted(text)}, not <type>/<id>/<time>`);
  }
  return {
    type: parseBackupType(type),
    id: parseBackupId(id),
    timeSec: parseTimeText(time),
  };
}

/** Prints a group as its folder's path below the namespace: `<type>/<id>`. */
export function backupGroupText(group: BackupGroup): string {
  return `${group.type}/${group.id}`;
}

/**
 * Prints a snapshot as its folder's path below the namespace.
 *
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` for a time outside the years 0 to 9999.
 */
export function snapshotIdText(snapshot: SnapshotId): string {
  return `${backupGroupText(snapshot)}/${timeText(snapshot.timeSec)}`;
}

/**
 * Order of groups in listings: by type, then ids that are decimal numbers by value, then the others by bytes.
 *
 * @see spec datastore.md §1.1
 */
export function compareBackupGroups(a: BackupGroup, b: BackupGroup): number {
  if (a.type !== b.type) return a.type < b.type ? -1 : 1;
  const numberA = decimal(a.id);
  const numberB = decimal(b.id);
  if (numberA !== undefined && numberB !== undefined && numberA !== numberB) {
    return numberA < numberB ? -1 : 1;
  }
  if ((numberA === undefined) !== (numberB === undefined)) return numberA === undefined ? 1 : -1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Order of snapshots in listings: by group, then by time, oldest first. */
export function compareSnapshotIds(a: SnapshotId, b: SnapshotId): number {
  return compareBackupGroups(a, b) || a.timeSec - b.timeSec;
}

function decimal(id: string): bigint | undefined {
  if (!/^\d+$/.test(id)) return undefined;
  const value = BigInt(id);
  return value < 1n << 64n ? value : undefined;
}

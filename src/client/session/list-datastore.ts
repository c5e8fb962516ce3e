import { FormatError } from "../../format/format-error.ts";
import { MANIFEST_NAME } from "../../format/snapshot/archive-name.ts";
import { type Namespace, parseNamespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  compareBackupGroups,
  compareSnapshotIds,
  parseBackupId,
  parseBackupType,
  type SnapshotId,
} from "../../format/snapshot/snapshot-id.ts";
import { type BackupServer } from "./backup-server.ts";
import { type JsonObject, isJsonObject, objectsOf } from "./server-answer.ts";

/** One file in a listing. */
export interface ListedFile {
  readonly filename: string;
  /** `none`, `encrypt` or `sign-only`; absent for files outside the manifest. */
  readonly cryptMode?: string;
  /** Bytes; absent for files outside the manifest. */
  readonly size?: number;
}

/** One snapshot in a listing (spec rest-api.md §5.3). */
export interface ListedSnapshot {
  readonly snapshot: SnapshotId;
  readonly files: readonly ListedFile[];
  /** Bytes of all files; absent for a snapshot that is not finished. */
  readonly size?: number;
  readonly owner?: string;
  /** First line of the notes. */
  readonly comment?: string;
  readonly isProtected: boolean;
  /** Whether the snapshot has a manifest, without which it is not whole. */
  readonly isFinished: boolean;
}

/** One group in a listing (spec rest-api.md §5.2). */
export interface ListedGroup {
  readonly group: BackupGroup;
  /** Seconds since the epoch. */
  readonly lastBackupSec: number;
  readonly backupCount: number;
  /** Names of the files of the newest snapshot. */
  readonly files: readonly string[];
  readonly owner?: string;
  /** First line of the notes. */
  readonly comment?: string;
}

/**
 * Lists the snapshots of a namespace, or of one group in it, in the order of listings.
 *
 * Entries that cannot be understood are left out.
 */
export async function listSnapshots(
  server: BackupServer,
  namespace: Namespace,
  options: { readonly group?: BackupGroup; readonly signal?: AbortSignal } = {},
): Promise<readonly ListedSnapshot[]> {
  const { group, signal } = options;
  const parameters = { ...namespaceParameter(namespace), ...(group ? groupParameters(group) : {}) };
  return parseSnapshots(await server.callStore("GET", "snapshots", parameters, signal));
}

/** Reads the `data` of a listing of snapshots, in the order of listings. */
export function parseSnapshots(data: unknown): readonly ListedSnapshot[] {
  return objectsOf(data, "the list of snapshots")
    .flatMap((item) => understood(() => parseSnapshot(item)))
    .sort((a, b) => compareSnapshotIds(a.snapshot, b.snapshot));
}

/** Lists the groups of a namespace, in the order of listings. */
export async function listGroups(
  server: BackupServer,
  namespace: Namespace,
  signal?: AbortSignal,
): Promise<readonly ListedGroup[]> {
  return parseGroups(
    await server.callStore("GET", "groups", namespaceParameter(namespace), signal),
  );
}

/** Reads the `data` of a listing of groups, in the order of listings. */
export function parseGroups(data: unknown): readonly ListedGroup[] {
  return objectsOf(data, "the list of groups")
    .flatMap((item) => understood(() => parseGroup(item)))
    .sort((a, b) => compareBackupGroups(a.group, b.group));
}

/** Lists the namespaces directly below one. */
export async function listChildNamespaces(
  server: BackupServer,
  parent: Namespace,
  signal?: AbortSignal,
): Promise<readonly Namespace[]> {
  const parameters = { "max-depth": 1, ...(parent === "" ? {} : { parent }) };
  const data = await server.callStore("GET", "namespace", parameters, signal);
  return namespaceNames(data)
    .filter((namespace) => namespace !== parent)
    .sort();
}

/** Reads the `data` of a listing of namespaces, in the server's order and with the one that was listed. */
export function namespaceNames(data: unknown): readonly Namespace[] {
  return objectsOf(data, "the list of namespaces").flatMap((item) =>
    understood(() => parseNamespace(textOf(item["ns"]))),
  );
}

/** Reads the `data` of a listing of files. */
export function parseFiles(data: unknown): readonly ListedFile[] {
  return objectsOf(data, "the list of files").map(parseFile);
}

/** Parameters that name a group. */
export function groupParameters(group: BackupGroup): Record<string, string> {
  return { "backup-type": group.type, "backup-id": group.id };
}

/** Parameter that names a namespace; none for the root, which old servers want left out. */
export function namespaceParameter(namespace: Namespace): Record<string, string> {
  return namespace === "" ? {} : { ns: namespace };
}

function parseSnapshot(item: JsonObject): ListedSnapshot {
  const files = Array.isArray(item["files"])
    ? item["files"].filter(isJsonObject).map(parseFile)
    : [];
  const { size, owner, comment } = item;
  return {
    snapshot: { ...parseGroupOf(item), timeSec: numberOf(item["backup-time"]) },
    files,
    isProtected: item["protected"] === true,
    isFinished: files.some((file) => file.filename === MANIFEST_NAME),
    ...(typeof size === "number" ? { size } : {}),
    ...(typeof owner === "string" ? { owner } : {}),
    ...(typeof comment === "string" ? { comment } : {}),
  };
}

function parseGroup(item: JsonObject): ListedGroup {
  const { files, owner, comment } = item;
  return {
    group: parseGroupOf(item),
    lastBackupSec: numberOf(item["last-backup"]),
    backupCount: numberOf(item["backup-count"]),
    files: Array.isArray(files) ? files.filter((file) => typeof file === "string") : [],
    ...(typeof owner === "string" ? { owner } : {}),
    ...(typeof comment === "string" ? { comment } : {}),
  };
}

function parseGroupOf(item: JsonObject): BackupGroup {
  return {
    type: parseBackupType(textOf(item["backup-type"])),
    id: parseBackupId(textOf(item["backup-id"])),
  };
}

function parseFile(item: JsonObject): ListedFile {
  const { "crypt-mode": cryptMode, size } = item;
  return {
    filename: textOf(item["filename"]),
    ...(typeof cryptMode === "string" ? { cryptMode } : {}),
    ...(typeof size === "number" ? { size } : {}),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new FormatError("FORMAT_INVALID", "number in a listing", JSON.stringify(value));
}

/** A list of one, or of none if the entry has names that this program does not know. */
function understood<Value>(parse: () => Value): Value[] {
  try {
    return [parse()];
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
}

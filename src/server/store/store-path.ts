import { MANIFEST_NAME } from "../../format/snapshot/archive-name.ts";
import {
  type Namespace,
  namespacePath,
  parseNamespacePath,
} from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  type BackupType,
  parseSnapshotId,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";

/** File that names the owner of a group (spec datastore.md §3.1). */
export const OWNER_FILE = "owner";

/** File with the notes of a group (spec datastore.md §3.6). */
export const GROUP_NOTES_FILE = "notes";

/** Empty file that protects a snapshot against removal (spec datastore.md §3.6). */
export const PROTECTED_FILE = ".protected";

/** Result of the last collection (spec datastore.md §7.7). */
export const GC_STATUS_FILE = ".gc-status";

/**
 * Name that the manifest has from its upload until `finish` renames it (W3, docs/decisions/0007-publishing-a-snapshot.md).
 *
 * No listing shows it, and to a genuine server the snapshot is unfinished as long as this is all there is.
 */
export const STAGED_MANIFEST_FILE = "index.json.tmp_staged";

/** What listings show of a snapshot's folder (spec datastore.md §1.1). */
const VISIBLE_FILE_PATTERN = /^(.*\.([fd]idx|blob)|\.protected)$/;

/** What interrupted writes leave behind (spec datastore.md §1.3). */
const TEMPORARY_FILE_PATTERN = /\.tmp_[A-Za-z0-9]+$/;

/** Path of the folder that holds a namespace's groups of one type, below the base. */
export function typePath(namespace: Namespace, type: BackupType): string {
  return below(namespacePath(namespace), type);
}

/** Path of a group's folder, below the base. */
export function groupPath(namespace: Namespace, group: BackupGroup): string {
  return below(namespacePath(namespace), backupGroupText(group));
}

/** Path of a snapshot's folder, below the base. */
export function snapshotPath(namespace: Namespace, snapshot: SnapshotId): string {
  return below(namespacePath(namespace), snapshotIdText(snapshot));
}

/**
 * The snapshot whose folder is at a path below the base: the inverse of {@link snapshotPath}.
 *
 * @throws {FormatError} For any other path.
 */
export function parseSnapshotPath(path: string): {
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
} {
  const words = path.split("/");
  return {
    namespace: parseNamespacePath(words.slice(0, -3).join("/")),
    snapshot: parseSnapshotId(words.slice(-3).join("/")),
  };
}

/**
 * Path of the folder in which a snapshot is made anew before it takes the place of the one that is there.
 *
 * Its name begins with a dot: no listing shows it, and collection does not look into it.
 */
export function replacementPath(namespace: Namespace, snapshot: SnapshotId): string {
  const path = snapshotPath(namespace, snapshot);
  const name = path.lastIndexOf("/") + 1;
  return `${path.slice(0, name)}.${path.slice(name)}.tmp_replacement`;
}

/** Path of a snapshot's manifest, below the base. */
export function manifestPath(namespace: Namespace, snapshot: SnapshotId): string {
  return `${snapshotPath(namespace, snapshot)}/${MANIFEST_NAME}`;
}

/** Key of a group's lock (spec datastore.md §5.2). */
export function groupLockKey(namespace: Namespace, group: BackupGroup): string {
  return groupPath(namespace, group);
}

/** Key of a snapshot's lock. */
export function snapshotLockKey(namespace: Namespace, snapshot: SnapshotId): string {
  return snapshotPath(namespace, snapshot);
}

/** Key of the lock on a snapshot's manifest. */
export function manifestLockKey(namespace: Namespace, snapshot: SnapshotId): string {
  return manifestPath(namespace, snapshot);
}

/** Whether listings show a file of this name in a snapshot's folder. */
export function isVisibleFile(name: string): boolean {
  return VISIBLE_FILE_PATTERN.test(name);
}

/** Whether a file of this name is what an interrupted write left behind. */
export function isTemporaryFile(name: string): boolean {
  return TEMPORARY_FILE_PATTERN.test(name);
}

function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

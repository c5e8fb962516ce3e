import { FormatError } from "../../format/format-error.ts";
import { MANIFEST_NAME } from "../../format/snapshot/archive-name.ts";
import { type AuthId, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { childNamespace, type Namespace, namespacePath } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  backupTypes,
  compareBackupGroups,
  parseBackupId,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import { parseTimeText } from "../../format/snapshot/time-text.ts";
import {
  groupPath,
  isVisibleFile,
  OWNER_FILE,
  PROTECTED_FILE,
  snapshotPath,
  typePath,
} from "./store-path.ts";
import { type FolderEntry, type SnapshotFiles } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** Longest owner file that is read, in bytes; ours, far above the 64 that an id may have. */
const OWNER_BYTES_MAX = 4096;

/** What lies in a snapshot's folder. */
export interface SnapshotFolder {
  /** Files that listings show, sorted by name; without the protection mark. */
  readonly files: readonly string[];
  /** Whether the manifest is there: the snapshot is whole. */
  readonly isFinished: boolean;
  readonly isProtected: boolean;
}

/**
 * Finds namespaces, groups and snapshots by what folders are there (spec datastore.md §1.1).
 *
 * Folders with other names are passed over; nothing is cached, so what another program changes is seen.
 */
export class StoreListing {
  readonly #files: SnapshotFiles;

  constructor(files: SnapshotFiles) {
    this.#files = files;
  }

  /** Whether the namespace exists; the root always does. */
  async hasNamespace(namespace: Namespace): Promise<boolean> {
    if (namespace === "") return true;
    return (await this.#files.listFolder(namespacePath(namespace))) !== undefined;
  }

  /**
   * Fails unless the namespace exists.
   *
   * @throws {StoreError} `STORE_NAMESPACE_MISSING`.
   */
  async requireNamespace(namespace: Namespace): Promise<void> {
    if (!(await this.hasNamespace(namespace))) {
      throw new StoreError("STORE_NAMESPACE_MISSING", "namespace not found");
    }
  }

  /**
   * A namespace and those below it, each before its children, siblings by name.
   *
   * @param depthMax How many levels below `parent`; 0 gives just the parent.
   */
  async listNamespaces(parent: Namespace, depthMax: number): Promise<Namespace[]> {
    await this.requireNamespace(parent);
    return await this.#namespacesFrom(parent, depthMax);
  }

  /** Groups of a namespace in the order of listings, also those without snapshots. */
  async listGroups(namespace: Namespace): Promise<BackupGroup[]> {
    await this.requireNamespace(namespace);
    const groups: BackupGroup[] = [];
    for (const type of backupTypes) {
      for (const name of await this.#folders(typePath(namespace, type))) {
        const id = parsed(() => parseBackupId(name));
        if (id !== undefined) groups.push({ type, id });
      }
    }
    return groups.sort(compareBackupGroups);
  }

  /** Whether the group's folder exists. */
  async hasGroup(namespace: Namespace, group: BackupGroup): Promise<boolean> {
    return (await this.#files.listFolder(groupPath(namespace, group))) !== undefined;
  }

  /** Whether {@link listGroups} names the group, which it does not where a link or a file lies in place of its folder. */
  async listsGroup(namespace: Namespace, group: BackupGroup): Promise<boolean> {
    return await this.#files.isFolder(groupPath(namespace, group));
  }

  /** Snapshots of a group, oldest first, finished or not; none for a group that does not exist. */
  async listSnapshots(namespace: Namespace, group: BackupGroup): Promise<SnapshotId[]> {
    const snapshots: SnapshotId[] = [];
    for (const name of await this.#folders(groupPath(namespace, group))) {
      const timeSec = parsed(() => parseTimeText(name));
      if (timeSec !== undefined) snapshots.push({ type: group.type, id: group.id, timeSec });
    }
    return snapshots.sort((a, b) => a.timeSec - b.timeSec);
  }

  /** The newest finished snapshot of a group. */
  async lastFinished(namespace: Namespace, group: BackupGroup): Promise<SnapshotId | undefined> {
    const snapshots = await this.listSnapshots(namespace, group);
    for (const snapshot of snapshots.reverse()) {
      const folder = await this.findSnapshot(namespace, snapshot);
      if (folder?.isFinished === true) return snapshot;
    }
    return undefined;
  }

  /** What lies in a snapshot's folder; `undefined` when it does not exist. */
  async findSnapshot(
    namespace: Namespace,
    snapshot: SnapshotId,
  ): Promise<SnapshotFolder | undefined> {
    const entries = await this.#files.listFolder(snapshotPath(namespace, snapshot));
    return entries && folderOf(entries);
  }

  /**
   * What lies in a snapshot's folder.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`.
   */
  async requireSnapshot(namespace: Namespace, snapshot: SnapshotId): Promise<SnapshotFolder> {
    const folder = await this.findSnapshot(namespace, snapshot);
    if (folder) return folder;
    throw new StoreError(
      "STORE_SNAPSHOT_MISSING",
      `snapshot ${snapshotIdText(snapshot)} does not exist.`,
    );
  }

  /**
   * Owner of a group: the first line of its file, without blanks around it (spec datastore.md §3.1).
   *
   * @throws {StoreError} `STORE_GROUP_MISSING` without group or file, `STORE_UNREADABLE` for text that is no owner.
   */
  async readOwner(namespace: Namespace, group: BackupGroup): Promise<AuthId> {
    const path = `${groupPath(namespace, group)}/${OWNER_FILE}`;
    const bytes = await this.#files.readFile(path, OWNER_BYTES_MAX);
    const name = backupGroupText(group);
    if (!bytes) throw new StoreError("STORE_GROUP_MISSING", `group "${name}" has no owner`);
    const line = new TextDecoder().decode(bytes).split("\n", 1)[0] ?? "";
    try {
      return parseAuthId(line.trim());
    } catch (cause) {
      throw new StoreError("STORE_UNREADABLE", `owner of group "${name}" is not readable`, {
        cause,
      });
    }
  }

  async #namespacesFrom(parent: Namespace, depthMax: number): Promise<Namespace[]> {
    const found = [parent];
    if (depthMax <= 0) return found;
    for (const name of (await this.#folders(`${namespacePath(parent)}/ns`)).sort()) {
      const child = parsed(() => childNamespace(parent, name));
      if (child !== undefined) found.push(...(await this.#namespacesFrom(child, depthMax - 1)));
    }
    return found;
  }

  async #folders(path: string): Promise<string[]> {
    const entries = (await this.#files.listFolder(path.replace(/^\//, ""))) ?? [];
    return entries.filter((entry) => entry.kind === "folder").map((entry) => entry.name);
  }
}

function folderOf(entries: readonly FolderEntry[]): SnapshotFolder {
  const names = entries
    .filter((entry) => entry.kind === "file" && isVisibleFile(entry.name))
    .map((entry) => entry.name);
  return {
    files: names.filter((name) => name !== PROTECTED_FILE).sort(),
    isFinished: names.includes(MANIFEST_NAME),
    isProtected: names.includes(PROTECTED_FILE),
  };
}

/** The value that a folder's name stands for; `undefined` for the name of something else. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

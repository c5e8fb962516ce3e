import { type Namespace, namespacePath, rootNamespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  backupTypes,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import {
  groupLockKey,
  groupPath,
  isTemporaryFile,
  manifestLockKey,
  manifestPath,
  OWNER_FILE,
  snapshotLockKey,
  snapshotPath,
  typePath,
} from "./store-path.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type Lock } from "./lock-table.ts";
import { MANIFEST_LOCK_TIMEOUT_MS } from "./manifest-store.ts";
import { SessionClaims } from "./session-claims.ts";
import { StoreError } from "./store-error.ts";

/** What a removal removed and what it had to leave. */
export interface RemovalStats {
  readonly removedGroups: number;
  readonly removedSnapshots: number;
  /** Snapshots that are protected and therefore still there. */
  readonly protectedSnapshots: number;
}

/**
 * Removes snapshots, groups and namespaces (spec datastore.md §3.4).
 *
 * The manifest of a snapshot always goes first: a crash leaves an unfinished snapshot, never half a finished one. Chunks
 * are left to collection.
 */
export class StoreRemoval {
  readonly #parts: DatastoreParts;

  constructor(parts: DatastoreParts) {
    this.#parts = parts;
  }

  /**
   * Removes one snapshot, and its group if that was the last one.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`, `STORE_LOCKED`, `STORE_PROTECTED`.
   */
  async forgetSnapshot(namespace: Namespace, snapshot: SnapshotId): Promise<void> {
    await this.#removeSnapshot(namespace, snapshot);
    await this.forgetEmptyGroup(namespace, snapshot);
  }

  /** Removes a group without snapshots; leaves it alone when there are some, or when it is being backed up to. */
  async forgetEmptyGroup(namespace: Namespace, group: BackupGroup): Promise<void> {
    const { listing, locks } = this.#parts;
    // A group that is being backed up to keeps its folder and owner.
    const lock = locks.tryExclusive(groupLockKey(namespace, group));
    if (!lock) return;
    try {
      if (!(await listing.hasGroup(namespace, group))) return;
      const rest = await listing.listSnapshots(namespace, group);
      if (rest.length === 0) await this.#removeGroupFolder(namespace, group);
    } finally {
      lock.release();
    }
  }

  /**
   * Removes all snapshots of a group that are not protected, and the group if none is left.
   *
   * @throws {StoreError} `STORE_GROUP_MISSING`; `STORE_LOCKED` when the group or one of its snapshots is in use.
   */
  async forgetGroup(namespace: Namespace, group: BackupGroup): Promise<RemovalStats> {
    const { listing, locks } = this.#parts;
    const name = backupGroupText(group);
    if (!(await listing.hasGroup(namespace, group))) {
      throw new StoreError("STORE_GROUP_MISSING", `group "${name}" does not exist`);
    }
    const lock = locks.tryExclusive(groupLockKey(namespace, group));
    if (!lock) {
      throw new StoreError("STORE_LOCKED", `unable to acquire lock on group "${name}" - in use`);
    }
    try {
      return await this.#removeGroup(namespace, group);
    } finally {
      lock.release();
    }
  }

  /**
   * Removes an empty namespace, or with `groups` everything in it and below it.
   *
   * @throws {StoreError} `STORE_NAMESPACE_MISSING`; `STORE_NOT_EMPTY` for the root, for content that is to stay, and
   *   when protected snapshots are left.
   */
  async removeNamespace(namespace: Namespace, what: "empty" | "groups"): Promise<RemovalStats> {
    const { listing } = this.#parts;
    if (namespace === "") throw new StoreError("STORE_NOT_EMPTY", "cannot remove root namespace!");
    const below = (await listing.listNamespaces(namespace, Infinity)).reverse();
    let stats: RemovalStats = { removedGroups: 0, removedSnapshots: 0, protectedSnapshots: 0 };
    for (const inner of below) {
      const groups = await listing.listGroups(inner);
      if (groups.length > 0 && what === "empty") {
        throw new StoreError("STORE_NOT_EMPTY", "cannot remove non-empty namespace");
      }
      for (const group of groups) {
        stats = addRemovals(stats, await this.forgetGroup(inner, group));
      }
      if (stats.protectedSnapshots === 0) await this.#removeNamespaceFolder(inner);
    }
    return stats;
  }

  /**
   * Removes what crashed uploads left: folders of unfinished snapshots that hold nothing but temporary files.
   *
   * For the start of a server. Does nothing while another process writes to the datastore
   * (docs/decisions/0007-publishing-a-snapshot.md).
   *
   * @returns How many folders were removed.
   */
  async removeStaleUploads(): Promise<number> {
    try {
      const guard = await this.#parts.processLock.exclusive();
      try {
        return await this.#removeAllStale();
      } finally {
        await guard.release();
      }
    } catch (error) {
      if (error instanceof StoreError && error.code === "STORE_IN_USE") return 0;
      throw error;
    }
  }

  async #removeAllStale(): Promise<number> {
    const { listing } = this.#parts;
    let count = 0;
    for (const namespace of await listing.listNamespaces(rootNamespace, Infinity)) {
      for (const group of await listing.listGroups(namespace)) {
        for (const snapshot of await listing.listSnapshots(namespace, group)) {
          if (await this.#removeIfStale(namespace, snapshot)) count++;
        }
        count += await this.#removeReplacements(groupPath(namespace, group));
      }
    }
    return count;
  }

  /** Removes what was to take the place of snapshots when the server died. */
  async #removeReplacements(group: string): Promise<number> {
    const { backend } = this.#parts;
    let count = 0;
    for (const { name, kind } of (await backend.listFolder(group)) ?? []) {
      if (kind !== "folder" || !name.startsWith(".") || !isTemporaryFile(name)) continue;
      await backend.removeFolder(`${group}/${name}`);
      count++;
    }
    return count;
  }

  async #removeIfStale(namespace: Namespace, snapshot: SnapshotId): Promise<boolean> {
    const { backend, locks } = this.#parts;
    const lock = locks.tryExclusive(snapshotLockKey(namespace, snapshot));
    if (!lock) return false;
    try {
      const path = snapshotPath(namespace, snapshot);
      const entries = (await backend.listFolder(path)) ?? [];
      const isStale = entries.every(
        (entry) => entry.kind === "file" && isTemporaryFile(entry.name),
      );
      if (isStale) await backend.removeFolder(path);
      return isStale;
    } finally {
      lock.release();
    }
  }

  async #removeGroup(namespace: Namespace, group: BackupGroup): Promise<RemovalStats> {
    let removedSnapshots = 0;
    let protectedSnapshots = 0;
    for (const snapshot of await this.#parts.listing.listSnapshots(namespace, group)) {
      if (await this.#isProtected(namespace, snapshot)) {
        protectedSnapshots++;
        continue;
      }
      await this.#removeSnapshot(namespace, snapshot);
      removedSnapshots++;
    }
    if (protectedSnapshots === 0) await this.#removeGroupFolder(namespace, group);
    const removedGroups = protectedSnapshots === 0 ? 1 : 0;
    return { removedGroups, removedSnapshots, protectedSnapshots };
  }

  async #removeSnapshot(namespace: Namespace, snapshot: SnapshotId): Promise<void> {
    const { backend, listing, locks } = this.#parts;
    await using claims = new SessionClaims();
    claims.add(this.#lockSnapshot(namespace, snapshot));
    const manifestKey = manifestLockKey(namespace, snapshot);
    claims.add(await locks.waitExclusive(manifestKey, MANIFEST_LOCK_TIMEOUT_MS));
    const folder = await listing.requireSnapshot(namespace, snapshot);
    if (folder.isProtected) {
      throw new StoreError("STORE_PROTECTED", "cannot remove protected snapshot");
    }
    await backend.removeFile(manifestPath(namespace, snapshot));
    await backend.removeFolder(snapshotPath(namespace, snapshot));
  }

  #lockSnapshot(namespace: Namespace, snapshot: SnapshotId): Lock {
    const lock = this.#parts.locks.tryExclusive(snapshotLockKey(namespace, snapshot));
    if (lock) return lock;
    const name = snapshotIdText(snapshot);
    throw new StoreError("STORE_LOCKED", `snapshot ${name} is locked by another operation`);
  }

  async #isProtected(namespace: Namespace, snapshot: SnapshotId): Promise<boolean> {
    const folder = await this.#parts.listing.findSnapshot(namespace, snapshot);
    return folder?.isProtected === true;
  }

  /** The owner goes last but one: a crash leaves a group with an owner, or one that anybody may take over. */
  async #removeGroupFolder(namespace: Namespace, group: BackupGroup): Promise<void> {
    const { backend } = this.#parts;
    const path = groupPath(namespace, group);
    await backend.removeFile(`${path}/${OWNER_FILE}`);
    await backend.removeFolder(path);
  }

  async #removeNamespaceFolder(namespace: Namespace): Promise<void> {
    const { backend } = this.#parts;
    const path = namespacePath(namespace);
    for (const type of backupTypes) await backend.removeEmptyFolder(typePath(namespace, type));
    await backend.removeEmptyFolder(`${path}/ns`);
    if (!(await backend.removeEmptyFolder(path))) {
      throw new StoreError("STORE_NOT_EMPTY", "cannot remove non-empty namespace");
    }
    await backend.removeEmptyFolder(path.slice(0, path.lastIndexOf("/")));
  }
}

function addRemovals(a: RemovalStats, b: RemovalStats): RemovalStats {
  return {
    removedGroups: a.removedGroups + b.removedGroups,
    removedSnapshots: a.removedSnapshots + b.removedSnapshots,
    protectedSnapshots: a.protectedSnapshots + b.protectedSnapshots,
  };
}

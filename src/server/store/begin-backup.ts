import { verifyStateOf } from "../../format/manifest/manifest-summary.ts";
import { type AuthId, isOwnedBy } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  backupGroupText,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import { BackupTarget } from "./backup-target.ts";
import { createGroup } from "./create-group.ts";
import { groupLockKey, groupPath, snapshotLockKey, snapshotPath } from "./store-path.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type Lock } from "./lock-table.ts";
import { SessionClaims } from "./session-claims.ts";
import { type Durability } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** A backup that wants to begin. */
export interface BackupRequest {
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
  /** Who backs up: becomes the owner of a new group. */
  readonly authId: AuthId;
  /** `skipped` for benchmarks, which anybody may run (spec backup-protocol.md §2.2). */
  readonly ownerCheck: "enforced" | "skipped";
}

/**
 * Begins a backup: locks, group, owner, base, folder, in the order of spec datastore.md §3.2.
 *
 * When it fails, no lock stays and nothing that it created.
 *
 * @throws {StoreError} `STORE_NAMESPACE_MISSING`, `STORE_IN_USE`, `STORE_LOCKED`, `STORE_NOT_OWNER`, `STORE_NOT_NEWER`,
 *   `STORE_ALREADY_EXISTS`, with the texts of spec backup-protocol.md §2.2; `STORE_NOT_A_DATASTORE` when the disk is gone.
 * @throws {FormatError} When the manifest of the last snapshot cannot be read.
 */
export async function beginBackup(
  parts: DatastoreParts,
  request: BackupRequest,
): Promise<BackupTarget> {
  const { backend, listing } = parts;
  await backend.assertPresent();
  await listing.requireNamespace(request.namespace);
  const claims = new SessionClaims();
  try {
    claims.add(await parts.processLock.shared());
    claims.add(lockGroup(parts, request));
    const isNewGroup = await claimGroup(parts, request);
    try {
      const base = await findBase(parts, request, claims);
      await createSnapshotFolder(parts, request, claims);
      return new BackupTarget(parts, { ...request, base, claims });
    } catch (error) {
      if (isNewGroup) await backend.removeFolder(groupPath(request.namespace, request.snapshot));
      throw error;
    }
  } catch (error) {
    await claims.release();
    throw error;
  }
}

function lockGroup({ locks }: DatastoreParts, { namespace, snapshot }: BackupRequest): Lock {
  const lock = locks.tryExclusive(groupLockKey(namespace, snapshot));
  if (lock) return lock;
  const name = backupGroupText(snapshot);
  throw new StoreError(
    "STORE_LOCKED",
    `unable to acquire lock on group "${name}" - another backup is already running`,
  );
}

/** Creates the group or checks whose it is; says whether it is new. */
async function claimGroup(parts: DatastoreParts, request: BackupRequest): Promise<boolean> {
  const { namespace, snapshot, authId } = request;
  const outcome = await createGroup(parts, { namespace, group: snapshot, owner: authId });
  if (outcome !== "present") return outcome === "created";
  if (request.ownerCheck === "skipped") return false;
  const owner = await parts.listing.readOwner(namespace, snapshot);
  if (!isOwnedBy(owner, authId)) {
    throw new StoreError("STORE_NOT_OWNER", `backup owner check failed (${authId} != ${owner})`);
  }
  return false;
}

/** The last finished snapshot, locked against removal; `undefined` when there is none that is good (spec backup-protocol.md §2.3). */
async function findBase(
  { listing, locks, manifests }: DatastoreParts,
  { namespace, snapshot, ownerCheck }: BackupRequest,
  claims: SessionClaims,
): Promise<SnapshotId | undefined> {
  // Who need not own the group must not read from it either.
  if (ownerCheck === "skipped") return undefined;
  const last = await listing.lastFinished(namespace, snapshot);
  if (!last) return undefined;
  const { manifest } = await manifests.read(namespace, last);
  if (verifyStateOf(manifest)?.state === "failed") return undefined;
  if (snapshot.timeSec <= last.timeSec) {
    throw new StoreError("STORE_NOT_NEWER", "backup timestamp is older than last backup.");
  }
  const lock = locks.tryShared(snapshotLockKey(namespace, last));
  if (!lock) {
    throw new StoreError(
      "STORE_LOCKED",
      `base snapshot ${snapshotIdText(last)} is already locked by another operation`,
    );
  }
  claims.add(lock);
  return last;
}

async function createSnapshotFolder(
  parts: DatastoreParts,
  { namespace, snapshot }: BackupRequest,
  claims: SessionClaims,
): Promise<void> {
  const exists = new StoreError("STORE_ALREADY_EXISTS", "backup directory already exists.");
  const lock = parts.locks.tryExclusive(snapshotLockKey(namespace, snapshot));
  if (!lock) throw exists;
  claims.add(lock);
  const path = snapshotPath(namespace, snapshot);
  if (!(await parts.backend.createFolder(path, folderDurability(parts)))) throw exists;
}

/** With level `filesystem`, one sync at the end covers the folders as well. */
function folderDurability({ syncLevel }: DatastoreParts): Durability {
  return syncLevel === "file" ? "synced" : "none";
}

import { verifyStateOf } from "../../format/manifest/manifest-summary.ts";
import { archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  type SnapshotId,
} from "../../format/snapshot/snapshot-id.ts";
import { createGroup, type WantedGroup } from "./create-group.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { SnapshotImport } from "./import-snapshot.ts";
import { KnownChunks } from "./known-chunks.ts";
import { readStoredIndex } from "./read-stored-index.ts";
import { registerIndex } from "./register-index.ts";
import { SessionClaims } from "./session-claims.ts";
import { StoreError } from "./store-error.ts";
import { groupLockKey, snapshotLockKey, snapshotPath } from "./store-path.ts";

/**
 * One group receiving snapshots of another datastore, with the locks that takes (spec retention-gc-verify-sync.md §5.3).
 *
 * Counts as a writer for collection from before its first chunk until it is disposed (W4). Chunks of the group's newest
 * finished snapshot may be referenced again without a transfer; that snapshot is locked against removal meanwhile.
 */
export class GroupImport implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly group: BackupGroup;
  /** The newest finished snapshot when the import began. */
  readonly last: SnapshotId | undefined;
  readonly #parts: DatastoreParts;
  readonly #claims: SessionClaims;
  readonly #known: { readonly base: KnownChunks; readonly imported: KnownChunks };

  private constructor(
    parts: DatastoreParts,
    request: WantedGroup,
    held: {
      readonly claims: SessionClaims;
      readonly last: SnapshotId | undefined;
      readonly base: KnownChunks;
    },
  ) {
    this.namespace = request.namespace;
    this.group = request.group;
    this.last = held.last;
    this.#parts = parts;
    this.#claims = held.claims;
    this.#known = { base: held.base, imported: newSet(parts) };
    // What an index of this import may name is in use from now on, whatever the clock says (W4).
    parts.live.addSession(this.#known.imported);
    parts.live.addSession(this.#known.base);
  }

  /**
   * Locks a group, making it if there is none; an existing one must belong to exactly the owner.
   *
   * @throws {StoreError} `STORE_NAMESPACE_MISSING`, `STORE_IN_USE`, `STORE_LOCKED`, `STORE_NOT_OWNER`.
   */
  static async begin(parts: DatastoreParts, request: WantedGroup): Promise<GroupImport> {
    const { backend, listing, processLock, locks } = parts;
    const { namespace, group } = request;
    await backend.assertPresent();
    await listing.requireNamespace(namespace);
    const claims = new SessionClaims();
    try {
      claims.add(await processLock.shared());
      const lock = locks.tryExclusive(groupLockKey(namespace, group));
      if (!lock) {
        const name = backupGroupText(group);
        throw new StoreError("STORE_LOCKED", `unable to acquire lock on group "${name}" - in use`);
      }
      claims.add(lock);
      await claimGroup(parts, request);
      const last = await listing.lastFinished(namespace, group);
      const base = newSet(parts);
      if (last) {
        const held = locks.tryShared(snapshotLockKey(namespace, last));
        if (held) {
          await registerBase(parts, namespace, last, base);
          held.release();
        }
      }
      return new GroupImport(parts, request, { claims, last, base });
    } catch (error) {
      await claims.release();
      throw error;
    }
  }

  /**
   * Locks one snapshot to be made, or completed.
   *
   * @throws {StoreError} `STORE_LOCKED`.
   */
  async openSnapshot(snapshot: SnapshotId): Promise<SnapshotImport> {
    return await SnapshotImport.begin(this.#parts, this.namespace, snapshot, this.#known);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#parts.live.removeSession(this.#known.imported);
    this.#parts.live.removeSession(this.#known.base);
    await this.#claims.release();
  }
}

function newSet({ codec }: DatastoreParts): KnownChunks {
  return new KnownChunks(new DataView(codec.randomBytes(4).slice().buffer).getUint32(0));
}

/** Makes the group with its owner, or checks whose it is: exactly the owner's, as on the genuine server. */
async function claimGroup(parts: DatastoreParts, request: WantedGroup): Promise<void> {
  if ((await createGroup(parts, request)) !== "present") return;
  const { namespace, group, owner } = request;
  const present = await parts.listing.readOwner(namespace, group);
  if (present !== owner) {
    throw new StoreError("STORE_NOT_OWNER", `owner check failed (${owner} != ${present})`);
  }
}

/** Registers the chunks of a snapshot that may be trusted to be there: not of one that failed its verification. */
async function registerBase(
  { backend, listing, manifests }: DatastoreParts,
  namespace: Namespace,
  snapshot: SnapshotId,
  base: KnownChunks,
): Promise<void> {
  const folder = await listing.findSnapshot(namespace, snapshot);
  if (folder?.isFinished !== true) return;
  try {
    const { manifest } = await manifests.read(namespace, snapshot);
    if (verifyStateOf(manifest)?.state === "failed") return;
    for (const { filename } of manifest.files) {
      const kind = archiveKindOf(filename);
      if (kind === "blob") continue;
      await using file = await backend.openFile(`${snapshotPath(namespace, snapshot)}/${filename}`);
      if (file) await registerIndex(base, await readStoredIndex(file, kind));
    }
  } catch {
    // It cannot be read: then nothing of it is reused, and its chunks come anew.
  }
}

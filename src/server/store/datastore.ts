import { type Digest } from "../../format/chunk/digest.ts";
import { type Clock } from "../../format/clock.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { FormatError } from "../../format/format-error.ts";
import { type Json } from "../../format/manifest/canonical-json.ts";
import { type Manifest } from "../../format/manifest/manifest.ts";
import {
  notesOf,
  type VerifyState,
  withUnprotected,
} from "../../format/manifest/manifest-summary.ts";
import { type ArchiveName, CLIENT_LOG_NAME } from "../../format/snapshot/archive-name.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import {
  type Namespace,
  namespacePath,
  parentNamespace,
  rootNamespace,
} from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  backupGroupText,
  type BackupType,
  backupTypes,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import { acceptFileBlob, type ChunkVerifier } from "./accepted-blob.ts";
import { type BackupTarget } from "./backup-target.ts";
import { beginBackup, type BackupRequest } from "./begin-backup.ts";
import { BlobStore } from "./blob-store.ts";
import {
  GC_STATUS_FILE,
  GROUP_NOTES_FILE,
  groupLockKey,
  groupPath,
  OWNER_FILE,
  PROTECTED_FILE,
  snapshotLockKey,
  snapshotPath,
} from "./store-path.ts";
import { type CollectionOptions, collectGarbage } from "./collect-garbage.ts";
import { type CollectionStatus } from "./collection-status.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type WantedGroup } from "./create-group.ts";
import { GroupImport } from "./import-group.ts";
import { describeSnapshot, type SnapshotDescription } from "./describe-snapshot.ts";
import { type ChunkUsers, findChunkUsers } from "./find-chunk-users.ts";
import { LiveChunks } from "./live-chunks.ts";
import { type Lock, LockTable } from "./lock-table.ts";
import { MANIFEST_LOCK_TIMEOUT_MS, ManifestStore } from "./manifest-store.ts";
import { planPrune, type PruneRequest, type PlannedSnapshot } from "./plan-prune.ts";
import { ProcessLock } from "./process-lock.ts";
import { SnapshotReader } from "./snapshot-reader.ts";
import { type StorageSpace, type StoreBackend, type StoredFile } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";
import { StoreListing } from "./store-listing.ts";
import { type RemovalStats, StoreRemoval } from "./store-removal.ts";
import { type SyncLevel } from "./sync-level.ts";
import { type VerifyMemory } from "./verify-memory.ts";
import { requireSoundChunk } from "./require-sound-chunk.ts";
import { type SnapshotVerdict, type VerifyOptions, verifySnapshot } from "./verify-snapshot.ts";

/** What a datastore needs beside its storage. */
export interface DatastoreOptions {
  /** As the configuration has it. */
  readonly name: string;
  readonly clock: Clock;
  readonly codec: CodecProvider;
  /** Where uploads are verified. */
  readonly verifier: ChunkVerifier;
  readonly syncLevel: SyncLevel;
}

/** How many groups and snapshots of one type there are. */
export interface SnapshotCount {
  readonly groups: number;
  readonly snapshots: number;
}

/** Longest group notes and collection results that are read, in bytes; ours. */
const SMALL_FILE_BYTES_MAX = 1024 * 1024;

/**
 * One open datastore: the store's whole surface for sessions, the API and jobs.
 *
 * Namespaces and snapshots are named by values that were parsed at the edge. Everything may be called at any time, also
 * overlapping: what must exclude each other takes locks (docs/protocol/locks.md). Fails with `StoreError`, for bytes
 * that make no sense with `FormatError`.
 */
export class Datastore implements AsyncDisposable {
  readonly name: string;
  readonly #parts: DatastoreParts;
  readonly #removal: StoreRemoval;

  /** Takes over the backend; disposal closes it. */
  constructor(backend: StoreBackend, options: DatastoreOptions) {
    const { codec, clock, syncLevel } = options;
    const locks = new LockTable();
    const live = new LiveChunks();
    this.name = options.name;
    this.#parts = {
      backend,
      locks,
      codec,
      clock,
      syncLevel,
      verifier: options.verifier,
      listing: new StoreListing(backend),
      blobs: new BlobStore(backend, { syncLevel, live }),
      live,
      manifests: new ManifestStore(backend, {
        codec,
        locks,
        syncLevel,
        lockTimeoutMs: MANIFEST_LOCK_TIMEOUT_MS,
      }),
      processLock: new ProcessLock(backend, clock),
    };
    this.#removal = new StoreRemoval(this.#parts);
  }

  /** Where it is: the base path of a local one. */
  get location(): string {
    return this.#parts.backend.location;
  }

  /** Whether everything that changes it fails. */
  get isReadOnly(): boolean {
    return this.#parts.backend.isReadOnly;
  }

  /** Its chunks. */
  get blobs(): BlobStore {
    return this.#parts.blobs;
  }

  /** Who writes and who collects. */
  get processLock(): ProcessLock {
    return this.#parts.processLock;
  }

  /** Locks of groups, snapshots and manifests, for jobs of several steps; keys in `store-path.ts`. */
  get locks(): LockTable {
    return this.#parts.locks;
  }

  /** Fails with `STORE_NOT_A_DATASTORE` when the storage went away. */
  async assertPresent(): Promise<void> {
    await this.#parts.backend.assertPresent();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.backend[Symbol.asyncDispose]();
  }

  // Namespaces

  /**
   * See `StoreListing.hasNamespace`; the door through which everybody comes.
   *
   * @throws {StoreError} `STORE_NOT_A_DATASTORE` when the storage went away: an empty mount point has no snapshots, and
   *   nobody must take that for an answer.
   */
  async hasNamespace(namespace: Namespace): Promise<boolean> {
    await this.assertPresent();
    return await this.#parts.listing.hasNamespace(namespace);
  }

  /**
   * See `StoreListing.listNamespaces`; `depthMax` defaults to all levels.
   *
   * @throws {StoreError} `STORE_NOT_A_DATASTORE` when the storage went away.
   */
  async listNamespaces(
    parent: Namespace,
    options: { readonly depthMax: number },
  ): Promise<Namespace[]> {
    await this.assertPresent();
    return await this.#parts.listing.listNamespaces(parent, options.depthMax);
  }

  /**
   * Creates a namespace whose parent exists.
   *
   * @throws {StoreError} `STORE_NAMESPACE_MISSING` for the parent, `STORE_ALREADY_EXISTS`.
   */
  async createNamespace(namespace: Namespace): Promise<void> {
    const { backend, listing } = this.#parts;
    const parent = parentNamespace(namespace);
    if (parent !== undefined) await listing.requireNamespace(parent);
    const exists = new StoreError(
      "STORE_ALREADY_EXISTS",
      `namespace '${namespace}' already exists`,
    );
    if (parent === undefined) throw exists;
    await backend.assertPresent();
    const path = namespacePath(namespace);
    await backend.createFolders(path.slice(0, path.lastIndexOf("/")), "none");
    if (!(await backend.createFolder(path, "synced"))) throw exists;
  }

  /** See `StoreRemoval.removeNamespace`. */
  async removeNamespace(namespace: Namespace, what: "empty" | "groups"): Promise<RemovalStats> {
    return await this.#removal.removeNamespace(namespace, what);
  }

  // Groups

  /** Groups in the order of listings, also those without snapshots. */
  async listGroups(namespace: Namespace): Promise<BackupGroup[]> {
    return await this.#parts.listing.listGroups(namespace);
  }

  /** Whether {@link listGroups} names the group; without a look at the others. */
  async listsGroup(namespace: Namespace, group: BackupGroup): Promise<boolean> {
    return await this.#parts.listing.listsGroup(namespace, group);
  }

  /** Whether the group's folder exists. */
  async hasGroup(namespace: Namespace, group: BackupGroup): Promise<boolean> {
    return await this.#parts.listing.hasGroup(namespace, group);
  }

  /** See `StoreListing.readOwner`. */
  async readOwner(namespace: Namespace, group: BackupGroup): Promise<AuthId> {
    return await this.#parts.listing.readOwner(namespace, group);
  }

  /**
   * Gives a group to someone else.
   *
   * @throws {StoreError} `STORE_GROUP_MISSING`, `STORE_LOCKED` during a backup.
   */
  async changeOwner(namespace: Namespace, group: BackupGroup, owner: AuthId): Promise<void> {
    await this.#requireGroup(namespace, group);
    const lock = this.#parts.locks.tryExclusive(groupLockKey(namespace, group));
    if (!lock) throw locked(`group "${backupGroupText(group)}"`);
    try {
      await this.#writeSmall(`${groupPath(namespace, group)}/${OWNER_FILE}`, `${owner}\n`);
    } finally {
      lock.release();
    }
  }

  /** Notes of a group, `""` if there are none. */
  async readGroupNotes(namespace: Namespace, group: BackupGroup): Promise<string> {
    const path = `${groupPath(namespace, group)}/${GROUP_NOTES_FILE}`;
    const bytes = await this.#parts.backend.readFile(path, SMALL_FILE_BYTES_MAX);
    return new TextDecoder().decode(bytes);
  }

  /**
   * Replaces the notes of a group.
   *
   * @throws {StoreError} `STORE_GROUP_MISSING`.
   */
  async writeGroupNotes(namespace: Namespace, group: BackupGroup, text: string): Promise<void> {
    await this.#requireGroup(namespace, group);
    await this.#writeSmall(`${groupPath(namespace, group)}/${GROUP_NOTES_FILE}`, text);
  }

  /** See `StoreRemoval.forgetGroup`. */
  async forgetGroup(namespace: Namespace, group: BackupGroup): Promise<RemovalStats> {
    return await this.#removal.forgetGroup(namespace, group);
  }

  // Snapshots

  /** Begins to copy snapshots of another datastore into a group; see `GroupImport.begin`. */
  async beginImport(request: WantedGroup): Promise<GroupImport> {
    return await GroupImport.begin(this.#parts, request);
  }

  /** Snapshots of a group, oldest first, finished or not; none for a group that does not exist. */
  async listSnapshots(namespace: Namespace, group: BackupGroup): Promise<SnapshotId[]> {
    return await this.#parts.listing.listSnapshots(namespace, group);
  }

  /** See `describeSnapshot`. */
  async describeSnapshot(namespace: Namespace, snapshot: SnapshotId): Promise<SnapshotDescription> {
    return await describeSnapshot(this.#parts, namespace, snapshot);
  }

  /** Manifest of a finished snapshot; see `ManifestStore.read`. */
  async readManifest(namespace: Namespace, snapshot: SnapshotId): Promise<Manifest> {
    await this.#parts.listing.requireSnapshot(namespace, snapshot);
    return (await this.#parts.manifests.read(namespace, snapshot)).manifest;
  }

  /** Replaces unprotected members of a manifest, `undefined` removes one; see `ManifestStore.update`. */
  async updateUnprotected(
    namespace: Namespace,
    snapshot: SnapshotId,
    changes: Readonly<Record<string, Json | undefined>>,
  ): Promise<void> {
    await this.#parts.listing.requireSnapshot(namespace, snapshot);
    await this.#parts.manifests.update(namespace, snapshot, (manifest) =>
      withUnprotected(manifest, changes),
    );
  }

  /** Notes of a snapshot, `""` if there are none. */
  async readNotes(namespace: Namespace, snapshot: SnapshotId): Promise<string> {
    return notesOf(await this.readManifest(namespace, snapshot)) ?? "";
  }

  /** Replaces the notes of a snapshot. */
  async writeNotes(namespace: Namespace, snapshot: SnapshotId, text: string): Promise<void> {
    await this.updateUnprotected(namespace, snapshot, { notes: text });
  }

  /** Records the result of a verification (spec datastore.md §8.2). */
  async writeVerifyState(
    namespace: Namespace,
    snapshot: SnapshotId,
    { upid, state }: VerifyState,
  ): Promise<void> {
    await this.updateUnprotected(namespace, snapshot, { verify_state: { upid, state } });
  }

  /** Whether a snapshot is protected against removal; `false` also for one that does not exist (spec rest-api.md §5.8). */
  async isProtected(namespace: Namespace, snapshot: SnapshotId): Promise<boolean> {
    const folder = await this.#parts.listing.findSnapshot(namespace, snapshot);
    return folder?.isProtected === true;
  }

  /**
   * Protects a snapshot against removal, or ends that; already so is fine.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`, `STORE_LOCKED`.
   */
  async setProtected(
    namespace: Namespace,
    snapshot: SnapshotId,
    wanted: "protected" | "unprotected",
  ): Promise<void> {
    const { backend, listing } = this.#parts;
    const lock = this.#lockSnapshot(namespace, snapshot);
    try {
      await listing.requireSnapshot(namespace, snapshot);
      const path = `${snapshotPath(namespace, snapshot)}/${PROTECTED_FILE}`;
      if (wanted === "unprotected") await backend.removeFile(path);
      else {
        const options = { onExisting: "refuse", durability: "synced" } as const;
        await backend.writeFile(path, new Uint8Array(0), options);
      }
    } finally {
      lock.release();
    }
  }

  /** See `planPrune`. */
  async planPrune(request: PruneRequest): Promise<readonly PlannedSnapshot[]> {
    return await planPrune(this.#parts.listing, request);
  }

  /** See `StoreRemoval.forgetSnapshot`. */
  async forgetSnapshot(namespace: Namespace, snapshot: SnapshotId): Promise<void> {
    await this.#removal.forgetSnapshot(namespace, snapshot);
  }

  /** See `StoreRemoval.forgetEmptyGroup`. */
  async forgetEmptyGroup(namespace: Namespace, group: BackupGroup): Promise<void> {
    await this.#removal.forgetEmptyGroup(namespace, group);
  }

  /**
   * Stores the client's log of a backup, once (spec manifest.md §4.1).
   *
   * @param body Owned.
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`, `STORE_ALREADY_EXISTS`.
   * @throws {FormatError} When it is no sound blob.
   */
  async putClientLog(namespace: Namespace, snapshot: SnapshotId, body: Uint8Array): Promise<void> {
    const { backend, codec, listing } = this.#parts;
    await listing.requireSnapshot(namespace, snapshot);
    const { bytes } = acceptFileBlob(body, CLIENT_LOG_NAME, codec);
    const path = `${snapshotPath(namespace, snapshot)}/${CLIENT_LOG_NAME}`;
    const options = { onExisting: "refuse", durability: "synced" } as const;
    if (!(await backend.writeFile(path, bytes, options))) {
      throw new StoreError("STORE_ALREADY_EXISTS", "backup already contains a log.");
    }
  }

  /**
   * Opens a file of a snapshot without locking it: for downloads of single files.
   *
   * @throws {StoreError} `STORE_SNAPSHOT_MISSING`, `STORE_FILE_MISSING`.
   */
  async openFile(
    namespace: Namespace,
    snapshot: SnapshotId,
    archive: ArchiveName,
  ): Promise<StoredFile> {
    await this.#parts.listing.requireSnapshot(namespace, snapshot);
    const path = `${snapshotPath(namespace, snapshot)}/${archive}`;
    const file = await this.#parts.backend.openFile(path);
    if (!file) throw new StoreError("STORE_FILE_MISSING", `open file "${path}" failed - not found`);
    return file;
  }

  // Sessions and jobs

  /** See `beginBackup`. */
  async beginBackup(request: BackupRequest): Promise<BackupTarget> {
    return await beginBackup(this.#parts, request);
  }

  /** See `SnapshotReader.open`. */
  async openReader(namespace: Namespace, snapshot: SnapshotId): Promise<SnapshotReader> {
    return await SnapshotReader.open(this.#parts, namespace, snapshot);
  }

  /** See `verifySnapshot`. */
  async verifySnapshot(
    namespace: Namespace,
    snapshot: SnapshotId,
    memory: VerifyMemory,
    options: VerifyOptions = {},
  ): Promise<SnapshotVerdict> {
    return await verifySnapshot(this.#parts, { ...options, namespace, snapshot, memory });
  }

  /** Sets a chunk aside unless it turns out sound when it is read again; says whether it did (spec datastore.md §8.3). */
  async setAsideIfCorrupt(
    chunk: { readonly digest: Digest; readonly size: number },
    verifier: ChunkVerifier,
  ): Promise<boolean> {
    return await this.#parts.blobs.setAsideIfBad(chunk.digest, async (blob) => {
      try {
        await requireSoundChunk({ verifier, blobs: this.#parts.blobs }, blob, chunk);
        return true;
      } catch (error) {
        if (error instanceof FormatError) return false;
        throw error;
      }
    });
  }

  /** See `findChunkUsers`. */
  async findChunkUsers(digests: readonly Digest[], signal: AbortSignal): Promise<ChunkUsers> {
    return await findChunkUsers(this.#parts, digests, signal);
  }

  /** See `collectGarbage`. */
  async collectGarbage(options: CollectionOptions): Promise<CollectionStatus> {
    return await collectGarbage(this.#parts, options);
  }

  /** See `StoreRemoval.removeStaleUploads`. */
  async removeStaleUploads(): Promise<number> {
    return await this.#removal.removeStaleUploads();
  }

  // State

  /** Room on the storage. */
  async space(): Promise<StorageSpace> {
    return await this.#parts.backend.space();
  }

  /** Groups with snapshots and finished snapshots of all namespaces, by type. */
  async countSnapshots(): Promise<Readonly<Record<BackupType, SnapshotCount>>> {
    const { listing } = this.#parts;
    const counts = new Map<BackupType, SnapshotCount>();
    for (const namespace of await listing.listNamespaces(rootNamespace, Infinity)) {
      for (const group of await listing.listGroups(namespace)) {
        const found = (await listing.listSnapshots(namespace, group)).length;
        if (found === 0) continue;
        const { groups, snapshots } = counts.get(group.type) ?? NOTHING;
        counts.set(group.type, { groups: groups + 1, snapshots: snapshots + found });
      }
    }
    const [ct, host, vm] = backupTypes.map((type) => counts.get(type) ?? NOTHING);
    return { ct: ct ?? NOTHING, host: host ?? NOTHING, vm: vm ?? NOTHING };
  }

  /** Text of the last collection's result, JSON; `undefined` before the first one (spec datastore.md §7.7). */
  async readGcStatus(): Promise<string | undefined> {
    const bytes = await this.#parts.backend.readFile(GC_STATUS_FILE, SMALL_FILE_BYTES_MAX);
    return bytes && new TextDecoder().decode(bytes);
  }

  async #requireGroup(namespace: Namespace, group: BackupGroup): Promise<void> {
    if (await this.#parts.listing.hasGroup(namespace, group)) return;
    const name = backupGroupText(group);
    throw new StoreError("STORE_GROUP_MISSING", `group "${name}" does not exist`);
  }

  #lockSnapshot(namespace: Namespace, snapshot: SnapshotId): Lock {
    const lock = this.#parts.locks.tryExclusive(snapshotLockKey(namespace, snapshot));
    if (!lock) throw locked(`snapshot ${snapshotIdText(snapshot)}`);
    return lock;
  }

  async #writeSmall(path: string, text: string): Promise<void> {
    await this.#parts.backend.writeFile(path, new TextEncoder().encode(text), {
      onExisting: "replace",
      durability: "synced",
    });
  }
}

const NOTHING: SnapshotCount = { groups: 0, snapshots: 0 };

function locked(what: string): StoreError {
  return new StoreError("STORE_LOCKED", `${what} is locked by another operation`);
}

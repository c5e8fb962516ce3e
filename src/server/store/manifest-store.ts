import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../format/manifest/manifest.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { manifestLockKey, manifestPath } from "./store-path.ts";
import { type LockTable } from "./lock-table.ts";
import { type SnapshotFiles } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";
import { type SyncLevel } from "./sync-level.ts";

/** How long a change of a manifest waits for another one (spec datastore.md §5.2). */
export const MANIFEST_LOCK_TIMEOUT_MS = 5000;

/** A manifest and how it lies on disk. */
export interface StoredManifest {
  readonly manifest: Manifest;
  /** Bytes of the blob. */
  readonly blobBytes: number;
}

/** What a {@link ManifestStore} needs. */
export interface ManifestStoreOptions {
  readonly codec: CodecProvider;
  readonly locks: LockTable;
  readonly syncLevel: SyncLevel;
  readonly lockTimeoutMs: number;
}

/** Manifests of finished snapshots: reading, and changing what the server may change (spec manifest.md §6). */
export class ManifestStore {
  readonly #files: SnapshotFiles;
  readonly #options: ManifestStoreOptions;

  constructor(files: SnapshotFiles, options: ManifestStoreOptions) {
    this.#files = files;
    this.#options = options;
  }

  /**
   * Reads a manifest.
   *
   * @throws {StoreError} `STORE_FILE_MISSING` for an unfinished snapshot.
   * @throws {FormatError} When it is not one.
   */
  async read(namespace: Namespace, snapshot: SnapshotId): Promise<StoredManifest> {
    const path = manifestPath(namespace, snapshot);
    const blob = await this.#files.readFile(path, BLOB_UPLOAD_BYTES_MAX);
    if (!blob) {
      const name = snapshotIdText(snapshot);
      throw new StoreError("STORE_FILE_MISSING", `snapshot ${name} has no manifest`);
    }
    return { manifest: decodeManifest(this.#options.codec, blob), blobBytes: blob.length };
  }

  /**
   * Changes a manifest in one step that readers see whole, one change after another.
   *
   * @param change Gets the manifest as it is; must change nothing that a signature covers.
   * @throws {StoreError} `STORE_LOCKED` when other changes take too long; as {@link read}.
   */
  async update(
    namespace: Namespace,
    snapshot: SnapshotId,
    change: (manifest: Manifest) => Manifest,
  ): Promise<void> {
    const { codec, locks, lockTimeoutMs, syncLevel } = this.#options;
    const lock = await locks.waitExclusive(manifestLockKey(namespace, snapshot), lockTimeoutMs);
    try {
      const { manifest } = await this.read(namespace, snapshot);
      await this.#files.writeFile(
        manifestPath(namespace, snapshot),
        encodeManifest(codec, change(manifest)),
        { onExisting: "replace", durability: syncLevel === "none" ? "none" : "synced" },
      );
    } finally {
      lock.release();
    }
  }
}

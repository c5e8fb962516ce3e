import { type CryptMode, type Manifest } from "../../format/manifest/manifest.ts";
import { manifestSize } from "../../format/manifest/manifest-summary.ts";
import { MANIFEST_NAME } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { type StoredManifest } from "./manifest-store.ts";

/** A file as listings show it; mode and size only of files that the manifest lists, and of the manifest. */
export interface SnapshotFileEntry {
  readonly name: string;
  readonly cryptMode?: CryptMode;
  readonly size?: number;
}

/** What listings say about a snapshot (spec rest-api.md §5.3). */
export interface SnapshotDescription {
  readonly snapshot: SnapshotId;
  readonly isFinished: boolean;
  readonly isProtected: boolean;
  /** Absent for an unfinished snapshot, and for one whose manifest cannot be read. */
  readonly manifest?: Manifest;
  /** Why the manifest of a finished snapshot cannot be read: bad bytes, or an error of the system. */
  readonly manifestFault?: Error;
  /** Sum of the sizes of all files and of the manifest's blob; absent with the manifest. */
  readonly size?: number;
  /** Files of the manifest in its order, the manifest, then what else lies there, by name. */
  readonly files: readonly SnapshotFileEntry[];
}

/**
 * Describes one snapshot, finished or not.
 *
 * @throws {StoreError} `STORE_SNAPSHOT_MISSING`.
 */
export async function describeSnapshot(
  { listing, manifests }: DatastoreParts,
  namespace: Namespace,
  snapshot: SnapshotId,
): Promise<SnapshotDescription> {
  const { files, isFinished, isProtected } = await listing.requireSnapshot(namespace, snapshot);
  const bare = { snapshot, isFinished, isProtected, files: files.map((name) => ({ name })) };
  if (!isFinished) return bare;
  let stored: StoredManifest;
  try {
    stored = await manifests.read(namespace, snapshot);
  } catch (error) {
    // One bad snapshot must not spoil the listing of all others.
    return { ...bare, manifestFault: error instanceof Error ? error : new Error(String(error)) };
  }
  const { manifest, blobBytes } = stored;
  const listed = manifest.files.map(({ filename, cryptMode, size }) => ({
    name: filename,
    cryptMode,
    size,
  }));
  const mode: CryptMode = manifest.signature === undefined ? "none" : "sign-only";
  const names = new Set<string>([...listed.map((file) => file.name), MANIFEST_NAME]);
  return {
    snapshot,
    isFinished,
    isProtected,
    manifest,
    size: manifestSize(manifest) + blobBytes,
    files: [
      ...listed,
      { name: MANIFEST_NAME, cryptMode: mode, size: blobBytes },
      ...files.filter((name) => !names.has(name)).map((name) => ({ name })),
    ],
  };
}

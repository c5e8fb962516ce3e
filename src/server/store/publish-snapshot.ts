import { BackupError } from "../../format/backup-error.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { decodeManifest, encodeManifest } from "../../format/manifest/manifest.ts";
import {
  type ChunkUploadStats,
  chunkUploadStatsJson,
  withUnprotected,
} from "../../format/manifest/manifest-summary.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { StoreError } from "./store-error.ts";
import { manifestPath, snapshotPath, STAGED_MANIFEST_FILE } from "./store-path.ts";

/**
 * Makes a complete snapshot visible by giving its manifest its name, after everything else is durable (W3,
 * docs/decisions/0007-publishing-a-snapshot.md).
 *
 * @param stats Go into the manifest (spec manifest.md §5).
 * @throws {StoreError} `STORE_UPLOAD_REFUSED` when the staged manifest is missing or makes no sense.
 */
export async function publishSnapshot(
  parts: DatastoreParts,
  place: { readonly namespace: Namespace; readonly snapshot: SnapshotId },
  stats: ChunkUploadStats,
): Promise<void> {
  const { backend, syncLevel } = parts;
  const staged = `${snapshotPath(place.namespace, place.snapshot)}/${STAGED_MANIFEST_FILE}`;
  await backend.writeFile(staged, await finalManifest(parts, staged, stats), {
    onExisting: "replace",
    durability: syncLevel === "file" ? "synced" : "none",
  });
  if (syncLevel === "filesystem") await backend.syncEverything();
  const durability = syncLevel === "none" ? "none" : "synced";
  await backend.renameFile(staged, manifestPath(place.namespace, place.snapshot), durability);
}

async function finalManifest(
  { backend, codec }: DatastoreParts,
  staged: string,
  stats: ChunkUploadStats,
): Promise<Uint8Array> {
  try {
    const blob = await backend.readFile(staged, BLOB_UPLOAD_BYTES_MAX);
    if (!blob) throw new StoreError("STORE_UPLOAD_REFUSED", "there is none");
    const changes = { chunk_upload_stats: chunkUploadStatsJson(stats) };
    return encodeManifest(codec, withUnprotected(decodeManifest(codec, blob), changes));
  } catch (cause) {
    if (!(cause instanceof BackupError)) throw cause;
    const text = `unable to update manifest blob - ${cause.message}`;
    throw new StoreError("STORE_UPLOAD_REFUSED", text, { cause });
  }
}

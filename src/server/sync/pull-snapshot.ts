import { FormatError } from "../../format/format-error.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { decodeManifest, type Manifest } from "../../format/manifest/manifest.ts";
import {
  archiveKindOf,
  CLIENT_LOG_NAME,
  MANIFEST_NAME,
} from "../../format/snapshot/archive-name.ts";
import { type SnapshotId, snapshotIdText } from "../../format/snapshot/snapshot-id.ts";
import { type SnapshotImport } from "../store/import-snapshot.ts";
import { type OpenedSnapshot, type SyncLog } from "./sync-source.ts";

/** Chunks of one index on their way at the same time. */
const CHUNKS_IN_FLIGHT = 8;

/** What a run has transferred. */
export interface PullStats {
  chunkCount: number;
  /** Bytes of chunks as they are stored. */
  bytes: number;
}

/**
 * Copies one snapshot, or what of it is missing or changed (spec retention-gc-verify-sync.md §5.3, "Snapshot").
 *
 * The manifest is taken over byte for byte, and comes last.
 *
 * @throws {FormatError} When the source's files contradict each other.
 */
export async function pullSnapshot(
  source: OpenedSnapshot,
  target: SnapshotImport,
  {
    codec,
    task,
    stats,
    present: whatIsPresent,
  }: {
    readonly codec: CodecProvider;
    readonly task: SyncLog;
    readonly stats: PullStats;
    /** What happens to a finished snapshot here that is not the source's. */
    readonly present: "replaced" | "kept";
  },
): Promise<void> {
  const { signal } = task;
  const name = snapshotIdText(target.snapshot);
  const blob = await source.readFile(MANIFEST_NAME, signal);
  if (!blob) {
    task.log(`skipping snapshot ${name} - vanished since start of sync`);
    return;
  }
  const present = await target.readManifestBlob();
  if (present && Buffer.compare(present, blob) === 0) {
    await pullLog(source, target, task);
    task.log(`${target.isNew ? "sync" : "re-sync"} snapshot ${name} - no data changes`);
    return;
  }
  if (present && whatIsPresent === "kept") {
    task.log(`keep snapshot ${name} as it is - replacing it needs the privilege to remove it`);
    return;
  }
  const manifest = decodeManifest(codec, blob);
  requireSame(manifest, target.snapshot);
  task.log(`${target.isNew ? "sync" : "re-sync"} snapshot ${name}`);
  for (const file of manifest.files) {
    signal.throwIfAborted();
    const { filename } = file;
    if (await target.hasListedFile(file)) continue;
    if (await target.hasFile(filename)) task.log(`detected changed file "${filename}"`);
    task.log(`sync archive ${filename}`);
    const bytes = await source.readFile(filename, signal);
    if (!bytes)
      throw new FormatError("FORMAT_INVALID", `"${filename}"`, "the source has no such file");
    if (archiveKindOf(filename) === "blob") {
      await target.putBlob(file, bytes);
      continue;
    }
    const got = await target.putIndex(file, bytes, {
      fetch: async (digest, stop) => await source.readBlob(digest, stop),
      inFlightMax: CHUNKS_IN_FLIGHT,
      signal,
    });
    stats.chunkCount += got.chunkCount;
    stats.bytes += got.bytes;
    task.log(`downloaded ${got.bytes} B in ${got.chunkCount} chunks`);
  }
  await target.publish(blob, manifest.files);
  await pullLog(source, target, task);
  task.log(`sync snapshot ${name} done`);
}

/** The client's log comes after the snapshot is whole; most have none. */
async function pullLog(
  source: OpenedSnapshot,
  target: SnapshotImport,
  task: SyncLog,
): Promise<void> {
  if (await target.hasFile(CLIENT_LOG_NAME)) return;
  const log = await source.readFile(CLIENT_LOG_NAME, task.signal);
  if (!log) return;
  await target.putClientLog(log);
  task.log(`got backup log file "${CLIENT_LOG_NAME}"`);
}

function requireSame({ snapshot }: Manifest, wanted: SnapshotId): void {
  if (snapshotIdText(snapshot) === snapshotIdText(wanted)) return;
  throw new FormatError(
    "FORMAT_INVALID",
    "manifest",
    `it is of ${snapshotIdText(snapshot)}, not of ${snapshotIdText(wanted)}`,
  );
}

import { type CodecPool } from "../../chunks/codec-pool.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { archiveNameOf } from "../../format/snapshot/archive-name.ts";
import { packCounterFields } from "../archive/pack-counter.ts";
import { type PreviousBackup } from "../backup/previous-backup.ts";
import { type BackupEvents } from "../backup/run-backup.ts";
import { type SnapshotUpload } from "../backup/snapshot-upload.ts";
import { type BackupSession } from "../session/backup-session.ts";
import { SharedCounters } from "../shared-counters.ts";
import { type BitmapPlan } from "./dirty-bitmaps.ts";
import { nbdCuts, SNAPSHOT_PIECE_BYTES, type UnchangedSince } from "./nbd-cuts.ts";
import { type PointInTime } from "./point-in-time.ts";

/** What disks are uploaded with. */
export interface DiskUpload {
  readonly session: BackupSession;
  readonly previous: PreviousBackup;
  readonly files: SnapshotUpload;
  readonly tools: {
    readonly pool: CodecPool;
    /** Room for chunks that are read and not sent. */
    readonly arena: SharedArena;
    readonly signal: AbortSignal;
    readonly events: Pick<BackupEvents, "started">;
  };
}

/**
 * Reads a disk as it was at the point in time, or what has changed of it since the previous snapshot, and uploads it.
 *
 * @throws {VmError} `VM_DISK_UNREADABLE`, `VM_FLEECING_FULL`; `SessionError`, the signal's reason.
 */
export async function uploadVmDisk(
  pointInTime: PointInTime,
  plan: BitmapPlan,
  { session, previous, files, tools }: DiskUpload,
): Promise<void> {
  const { disk, base } = plan;
  const name = archiveNameOf(`${disk.name}.img`);
  const csum = previous.csumOf(name);
  const index = await previous.reuseChunks(name);
  const isReused = base !== undefined && csum !== undefined && index?.size === disk.size;
  const since: UnchangedSince | undefined = isReused ? { bitmap: base, index } : undefined;
  const counters = new SharedCounters(packCounterFields);
  const source = { kind: "img", name: disk.name, path: disk.node } as const;
  using client = await pointInTime.open(plan);
  const zeros = new Uint8Array(FIXED_CHUNK_BYTES);
  const zeroDigest = await tools.pool.digest(zeros, { key: files.contentKey });
  const upload =
    since && csum !== undefined
      ? await session.reopenFixedArchive(name, { base: since.index, csum })
      : await session.openFixedArchive(name, disk.size);
  tools.events.started({ source, counters, expectedBytes: disk.size });
  try {
    const { arena, signal } = tools;
    const how = { since, arena, counters, signal, zeroDigest };
    const writtenSince = disk.isWritable ? plan.next : undefined;
    const cuts = nbdCuts(client, { ...how, writtenSince, pieceBytes: SNAPSHOT_PIECE_BYTES });
    await files.upload(cuts, upload);
  } catch (error) {
    throw await pointInTime.explain(error);
  }
  await files.close(name, upload);
}

import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  applyRetention,
  keepAll,
  keepsSomething,
  type Retention,
  type RetentionCandidate,
  type RetentionDecision,
} from "../../format/snapshot/retention.ts";
import { type BackupGroup, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type StoreListing } from "./store-listing.ts";

/** A group that is to be thinned out. */
export interface PruneRequest {
  readonly namespace: Namespace;
  readonly group: BackupGroup;
  readonly retention: Retention;
  /** Where days and weeks are told. */
  readonly zone: TimeZone;
}

/** What is to become of one snapshot, and why. */
export type PlannedSnapshot = RetentionDecision<SnapshotId & RetentionCandidate>;

/**
 * Decides which snapshots of a group to remove, and removes none of them; oldest first.
 *
 * A retention that keeps nothing by rule keeps everything. A group that does not exist has no snapshots.
 */
export async function planPrune(
  listing: StoreListing,
  { namespace, group, retention, zone }: PruneRequest,
): Promise<readonly PlannedSnapshot[]> {
  const candidates: (SnapshotId & RetentionCandidate)[] = [];
  for (const snapshot of await listing.listSnapshots(namespace, group)) {
    const folder = await listing.findSnapshot(namespace, snapshot);
    if (!folder) continue; // Removed since it was listed.
    const { isFinished, isProtected } = folder;
    candidates.push({ ...snapshot, isFinished, isProtected });
  }
  return keepsSomething(retention)
    ? applyRetention(candidates, retention, zone)
    : keepAll(candidates);
}

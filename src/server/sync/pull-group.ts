import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import {
  type BackupGroup,
  type SnapshotId,
  snapshotIdText,
} from "../../format/snapshot/snapshot-id.ts";
import { type Datastore } from "../store/datastore.ts";
import { StoreError } from "../store/store-error.ts";
import { pullSnapshot, type PullStats } from "./pull-snapshot.ts";
import { type SyncLog, type SyncSource } from "./sync-source.ts";

/** What a pull of a group goes by. */
export interface GroupPull {
  readonly source: SyncSource;
  readonly target: Datastore;
  readonly codec: CodecProvider;
  readonly owner: AuthId;
  /** Only so many of the source's newest snapshots are taken; all when absent. */
  readonly transferLast: number | undefined;
  /** Whether snapshots that the source no longer has are removed. */
  readonly vanished: "keep" | "remove";
  /** Whether the owner may remove, and so replace, snapshots of its own in a namespace of the target. */
  readonly mayRemoveIn: (namespace: Namespace) => boolean;
}

/** Where a group lies at both ends. */
export interface GroupPlaces {
  readonly group: BackupGroup;
  readonly from: Namespace;
  readonly to: Namespace;
}

/** What was removed because the source no longer has it. */
export interface VanishedStats {
  snapshots: number;
  groups: number;
  namespaces: number;
}

/** Why a snapshot is passed over. */
type SkipReason = "older than the newest local snapshot" | "due to transfer-last";

/**
 * Pulls the snapshots of one group, oldest first; the first that fails ends it (spec retention-gc-verify-sync.md §5.3).
 *
 * A gap is never filled: what is older than the newest finished local snapshot is passed over, that one itself is
 * compared again, and replaced by another one only for an owner that might have removed it.
 */
export async function pullGroup(
  pull: GroupPull,
  places: GroupPlaces,
  run: { readonly task: SyncLog; readonly stats: PullStats; readonly vanished: VanishedStats },
): Promise<void> {
  const { source, target, codec, owner } = pull;
  const { group, from, to } = places;
  const { task, stats } = run;
  const offered = (await source.listSnapshots(from, group, task.signal)).filter(
    ({ isFinished }) => isFinished,
  );
  await using receiver = await target.beginImport({ namespace: to, group, owner });
  const { wanted, skipped } = choose(
    offered.map(({ snapshot }) => snapshot),
    { last: receiver.last?.timeSec, transferLast: pull.transferLast },
  );
  for (const [reason, snapshots] of skipped) logSkipped(task, reason, snapshots);
  for (const snapshot of wanted) {
    task.signal.throwIfAborted();
    const opened = await source.openSnapshot(from, snapshot, task.signal);
    if (!opened) {
      task.log(`skipping snapshot ${snapshotIdText(snapshot)} - vanished since start of sync`);
      continue;
    }
    try {
      await using one = await receiver.openSnapshot(snapshot);
      const present = pull.mayRemoveIn(to) ? "replaced" : "kept";
      await pullSnapshot(opened, one, { codec, task, stats, present });
    } finally {
      await opened[Symbol.asyncDispose]();
    }
  }
  if (pull.vanished === "remove" && pull.mayRemoveIn(to)) {
    const kept = new Set(offered.map(({ snapshot }) => snapshot.timeSec));
    run.vanished.snapshots += await removeVanished(target, places, { kept, task });
  }
}

/** Which snapshots are transferred (spec retention-gc-verify-sync.md §5.3, §5.6). */
export function choose(
  offered: readonly SnapshotId[],
  {
    last,
    transferLast,
  }: { readonly last: number | undefined; readonly transferLast: number | undefined },
): {
  readonly wanted: readonly SnapshotId[];
  readonly skipped: ReadonlyMap<SkipReason, readonly SnapshotId[]>;
} {
  const cutoff = transferLast === undefined ? 0 : Math.max(0, offered.length - transferLast);
  const wanted: SnapshotId[] = [];
  const skipped = new Map<SkipReason, SnapshotId[]>();
  const skip = (reason: SkipReason, snapshot: SnapshotId): void => {
    skipped.set(reason, [...(skipped.get(reason) ?? []), snapshot]);
  };
  offered.forEach((snapshot, position) => {
    if (last !== undefined && snapshot.timeSec < last) {
      skip("older than the newest local snapshot", snapshot);
    } else if (position < cutoff && snapshot.timeSec !== last) {
      skip("due to transfer-last", snapshot);
    } else wanted.push(snapshot);
  });
  return { wanted, skipped };
}

function logSkipped(task: SyncLog, reason: SkipReason, snapshots: readonly SnapshotId[]): void {
  const [first] = snapshots;
  const last = snapshots.at(-1);
  if (!first || !last) return;
  task.log(
    `skipped: ${snapshots.length} snapshot(s) (${snapshotIdText(first)} .. ${snapshotIdText(last)}) - ${reason}`,
  );
}

/** Removes snapshots that are not among `kept`; protected ones stay. Says how many went. */
async function removeVanished(
  target: Datastore,
  { group, to }: GroupPlaces,
  { kept, task }: { readonly kept: ReadonlySet<number>; readonly task: SyncLog },
): Promise<number> {
  let count = 0;
  for (const snapshot of await target.listSnapshots(to, group)) {
    if (kept.has(snapshot.timeSec)) continue;
    const name = snapshotIdText(snapshot);
    try {
      await target.forgetSnapshot(to, snapshot);
      task.log(`delete vanished snapshot ${name}`);
      count += 1;
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "STORE_PROTECTED") throw error;
      task.log(`don't delete vanished snapshot ${name} (protected)`);
    }
  }
  return count;
}

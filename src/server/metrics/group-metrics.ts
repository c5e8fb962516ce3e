import { BackupError } from "../../format/backup-error.ts";
import { type Manifest } from "../../format/manifest/manifest.ts";
import { commentOf, verifyStateOf } from "../../format/manifest/manifest-summary.ts";
import { type Namespace, rootNamespace } from "../../format/snapshot/namespace.ts";
import { type BackupGroup, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type Datastore } from "../store/datastore.ts";
import { parseUpid } from "../tasks/upid.ts";

/** What monitoring wants to know of one group. */
export interface GroupMetrics {
  readonly namespace: Namespace;
  readonly group: BackupGroup;
  /** Snapshots, finished or not. */
  readonly snapshotCount: number;
  /** First line of the notes of the newest finished snapshot; empty without. */
  readonly comment: string;
  /** Time of the newest finished snapshot; `undefined` when there is none. */
  readonly lastSuccessSec: number | undefined;
  /** Result of the verification of that snapshot, and when it began. */
  readonly verification: { readonly state: "ok" | "failed"; readonly startSec: number } | undefined;
}

/** Reads what {@link GroupMetrics} has of every group of a datastore: one folder and one manifest a group, one at a time. */
export async function* groupMetrics(
  datastore: Datastore,
): AsyncGenerator<GroupMetrics, void, void> {
  for (const namespace of await datastore.listNamespaces(rootNamespace, { depthMax: Infinity })) {
    for (const group of await datastore.listGroups(namespace)) {
      const snapshots = await datastore.listSnapshots(namespace, group);
      const last = await newestFinished(datastore, namespace, snapshots);
      const state = last && verifyStateOf(last.manifest);
      yield {
        namespace,
        group,
        snapshotCount: snapshots.length,
        comment: (last && commentOf(last.manifest)) ?? "",
        lastSuccessSec: last?.snapshot.timeSec,
        verification: state && {
          state: state.state,
          startSec: parseUpid(state.upid)?.startSec ?? 0,
        },
      };
    }
  }
}

/** The newest snapshot with a manifest that can be read. */
async function newestFinished(
  datastore: Datastore,
  namespace: Namespace,
  snapshots: readonly SnapshotId[],
): Promise<{ readonly snapshot: SnapshotId; readonly manifest: Manifest } | undefined> {
  for (const snapshot of [...snapshots].reverse()) {
    try {
      return { snapshot, manifest: await datastore.readManifest(namespace, snapshot) };
    } catch (error) {
      // Unfinished, removed meanwhile, or damaged: it is no backup then.
      if (!(error instanceof BackupError)) throw error;
    }
  }
  return undefined;
}

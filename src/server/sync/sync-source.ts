import { type Digest } from "../../format/chunk/digest.ts";
import { type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type BackupGroup, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type Task } from "../tasks/task.ts";

/** A snapshot that can be pulled. */
export interface OfferedSnapshot {
  readonly snapshot: SnapshotId;
  /** Whether the source calls it finished; others are passed over. */
  readonly isFinished: boolean;
}

/** One snapshot of a source, open. */
export interface OpenedSnapshot extends AsyncDisposable {
  /** A file as it is stored, owned; `undefined` when the snapshot has none of that name. An index opens its chunks. */
  readFile(name: ArchiveName, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The blob of a chunk that an index read before names, owned. */
  readBlob(digest: Digest, signal: AbortSignal): Promise<Uint8Array>;
}

/**
 * A datastore that snapshots are pulled from, as one account sees it.
 *
 * Calls may overlap. Everything it says is untrusted: names are parsed, files and chunks are checked by the store.
 */
export interface SyncSource extends AsyncDisposable {
  /** For logs: `remote 'a', datastore 'b'`. */
  readonly name: string;
  /** A namespace and those below it, at most `depthMax` levels; the anchor comes first. */
  listNamespaces(
    anchor: Namespace,
    depthMax: number,
    signal: AbortSignal,
  ): Promise<readonly Namespace[]>;
  /** Groups of a namespace. */
  listGroups(namespace: Namespace, signal: AbortSignal): Promise<readonly BackupGroup[]>;
  /** Snapshots of a group, oldest first. */
  listSnapshots(
    namespace: Namespace,
    group: BackupGroup,
    signal: AbortSignal,
  ): Promise<readonly OfferedSnapshot[]>;
  /** Opens a snapshot for reading; `undefined` when it is gone. */
  openSnapshot(
    namespace: Namespace,
    snapshot: SnapshotId,
    signal: AbortSignal,
  ): Promise<OpenedSnapshot | undefined>;
}

/** Where a run tells what it does, and what ends it. */
export type SyncLog = Pick<Task, "log" | "signal">;

/** Another server, from `remote.cfg` (spec retention-gc-verify-sync.md §5.1). */
export interface Remote {
  readonly name: string;
  readonly host: string;
  readonly port: number | undefined;
  readonly authId: string;
  /** Password or token secret; never in a log. */
  readonly password: string;
  readonly fingerprint: string | undefined;
}

/** What can be asked of another server. */
export interface RemoteAccess {
  /** Opens a datastore of it; nothing is connected before the first call. */
  open(remote: Remote, store: string, limits: TransferLimits): Promise<SyncSource>;
  /** Its datastores. */
  listDatastores(
    remote: Remote,
    signal: AbortSignal,
  ): Promise<readonly { readonly store: string; readonly comment: string | undefined }[]>;
  /** Groups of a namespace of a datastore of it, for people to choose from. */
  listGroups(
    remote: Remote,
    place: { readonly store: string; readonly namespace: Namespace },
    signal: AbortSignal,
  ): Promise<readonly OfferedGroup[]>;
}

/** A group as another server lists it (spec rest-api.md §5.2). */
export interface OfferedGroup {
  readonly group: BackupGroup;
  /** Seconds since the epoch. */
  readonly lastBackupSec: number;
  readonly backupCount: number;
  /** Names of the files of the newest snapshot. */
  readonly files: readonly string[];
  readonly owner?: string;
  /** First line of the notes. */
  readonly comment?: string;
}

/** How fast data may come in; `undefined` for as fast as it can. */
export interface TransferLimits {
  readonly bytesPerSec: number | undefined;
  readonly burstBytes: number | undefined;
}

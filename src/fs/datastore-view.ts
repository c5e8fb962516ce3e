import { type ChunkSource } from "../chunks/chunk-source.ts";
import { type GroupEntry, type GroupKey, type SnapshotFile, type SnapshotKey } from "./fs-need.ts";

/**
 * What a mount wants from a datastore, wherever that is: behind a server, or in a local folder.
 *
 * Calls may overlap. Failures are any `Error`; the mount goes on and asks again later.
 */
export interface DatastoreView {
  /** Names of the namespaces directly below one. */
  listNamespaces(namespace: string): Promise<readonly string[]>;
  /** Groups of one namespace. */
  listGroups(namespace: string): Promise<readonly GroupEntry[]>;
  /** Snapshots of a group in any order, those still being written too. */
  listSnapshots(
    group: GroupKey,
  ): Promise<readonly { readonly timeSec: number; readonly isFinished: boolean }[]>;
  /** Opens a finished snapshot for reading; whoever opens it closes it. */
  openSnapshot(snapshot: SnapshotKey): Promise<OpenSnapshot>;
}

/** One snapshot that is open for reading. */
export interface OpenSnapshot {
  /** Text of the manifest, UTF-8; its signature has been checked if there is a key. */
  readonly manifest: Uint8Array;
  /** What the manifest lists. */
  readonly files: readonly SnapshotFile[];
  /** The whole index file of an archive, its checksum and size compared with the manifest. Owned. */
  readIndex(name: string): Promise<Uint8Array>;
  /** Decoded content of a blob, compared with the manifest. Owned. */
  readBlob(name: string): Promise<Uint8Array>;
  /** Chunks of the indexes that were read through this object. */
  readonly chunks: ChunkSource;
  /** Ends the session behind it; reads under way may fail. Idempotent. */
  close(): Promise<void>;
}

import { type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { type AuthId, isOwnedBy } from "../../format/snapshot/auth-id.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type BackupGroup, type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { type Datastore } from "../store/datastore.ts";
import { type SnapshotReader } from "../store/snapshot-reader.ts";
import { StoreError } from "../store/store-error.ts";
import { type OpenedSnapshot, type SyncSource } from "./sync-source.ts";

/** Who reads a datastore of this server, and what of it. */
export interface LocalReader {
  readonly authId: AuthId;
  /** What may be read in a namespace: all groups, those of the account, or nothing. */
  readonly scopeOf: (namespace: Namespace) => "every group" | "own groups" | undefined;
}

/** A datastore of this server as a source of snapshots. */
export function localSource(datastore: Datastore, reader: LocalReader): SyncSource {
  const mayRead = async (namespace: Namespace, group: BackupGroup): Promise<boolean> => {
    const scope = reader.scopeOf(namespace);
    if (scope !== "own groups") return scope !== undefined;
    return isOwnedBy(await datastore.readOwner(namespace, group), reader.authId);
  };
  return {
    name: `datastore '${datastore.name}'`,
    listNamespaces: async (anchor, depthMax) => {
      const all = await datastore.listNamespaces(anchor, { depthMax });
      return all.filter((namespace) => reader.scopeOf(namespace) !== undefined);
    },
    listGroups: async (namespace) => {
      const readable: BackupGroup[] = [];
      for (const group of await datastore.listGroups(namespace)) {
        if (await mayRead(namespace, group).catch(() => false)) readable.push(group);
      }
      return readable;
    },
    listSnapshots: async (namespace, group) => {
      const snapshots = await datastore.listSnapshots(namespace, group);
      return await Promise.all(
        snapshots.map(async (snapshot) => ({
          snapshot,
          isFinished: await isFinished(datastore, namespace, snapshot),
        })),
      );
    },
    openSnapshot: async (namespace, snapshot) => {
      try {
        return openedSnapshot(await datastore.openReader(namespace, snapshot));
      } catch (error) {
        if (error instanceof StoreError && error.code === "STORE_SNAPSHOT_MISSING")
          return undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.resolve();
    },
  };
}

async function isFinished(
  datastore: Datastore,
  namespace: Namespace,
  snapshot: SnapshotId,
): Promise<boolean> {
  const { manifest } = await datastore.describeSnapshot(namespace, snapshot);
  return manifest !== undefined;
}

function openedSnapshot(reader: SnapshotReader): OpenedSnapshot {
  return {
    readFile: async (name: ArchiveName) => {
      try {
        await using file = await reader.openFile(name);
        return await file.readAt(0, file.size);
      } catch (error) {
        if (error instanceof StoreError && error.code === "STORE_FILE_MISSING") return undefined;
        throw error;
      }
    },
    readBlob: async (digest, signal) => await reader.readBlob(digest, { signal }),
    [Symbol.asyncDispose]: async () => {
      await reader[Symbol.asyncDispose]();
    },
  };
}

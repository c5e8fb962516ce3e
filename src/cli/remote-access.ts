import { type ClientConfig } from "../client/config.ts";
import { RateLimit } from "../chunks/rate-limit.ts";
import { ApiError } from "../client/session/api-error.ts";
import { type BackupServer } from "../client/session/backup-server.ts";
import { connectServer } from "../client/session/connect-server.ts";
import {
  listGroups,
  listSnapshots,
  namespaceNames,
  namespaceParameter,
} from "../client/session/list-datastore.ts";
import {
  DEFAULT_RECONNECT,
  READER_REQUEST_TIMEOUT_MS,
  ReaderSession,
} from "../client/session/reader-session.ts";
import { RemoteBlobSource } from "../client/session/remote-blob-source.ts";
import { objectsOf } from "../client/session/server-answer.ts";
import { type Clock } from "../format/clock.ts";
import {
  type OpenedSnapshot,
  type Remote,
  type RemoteAccess,
  type SyncSource,
  type TransferLimits,
} from "../server/sync/sync-source.ts";

/** Lets a server pull from other servers with the means of the client. */
export function remoteAccess(clock: Clock): RemoteAccess {
  return {
    open: async (remote, store, limits) =>
      remoteSource(await connect(remote, store, clock), remote, rateLimit(limits)),
    listDatastores: async (remote, signal) => {
      // No datastore of it is used, but a repository has to name one.
      using server = await connect(remote, "none", clock);
      const data = await server.call("GET", "admin/datastore", {}, signal);
      return objectsOf(data, "the list of datastores").map(({ store, comment }) => ({
        store: typeof store === "string" ? store : "",
        comment: typeof comment === "string" ? comment : undefined,
      }));
    },
    listGroups: async (remote, { store, namespace }, signal) => {
      using server = await connect(remote, store, clock);
      return await listGroups(server, namespace, signal);
    },
  };
}

async function connect(remote: Remote, store: string, clock: Clock): Promise<BackupServer> {
  const { host, port, authId, password, fingerprint } = remote;
  const config: ClientConfig = {
    repository: {},
    repositoryParts: {},
    password: { value: password },
    encryptionPassword: {},
    newEncryptionPassword: {},
    masterPassword: {},
    fingerprint: fingerprint === undefined ? {} : { value: fingerprint },
    // A server trusts what its configuration says, not what somebody accepted at a terminal.
    fingerprintsFile: "/dev/null",
    keyFiles: ["/dev/null"],
    masterKeyFiles: ["/dev/null"],
  };
  const where = { host: host.replace(/^\[|\]$/g, ""), ...(port === undefined ? {} : { port }) };
  return await connectServer({ repository: { authId, store, ...where }, config, clock });
}

function rateLimit({ bytesPerSec, burstBytes }: TransferLimits): RateLimit | undefined {
  if (bytesPerSec === undefined) return undefined;
  const nowMs = (): number => performance.now();
  return new RateLimit({ bytesPerSec, burstBytes: burstBytes ?? bytesPerSec, nowMs });
}

function remoteSource(
  server: BackupServer,
  remote: Remote,
  limit: RateLimit | undefined,
): SyncSource {
  return {
    name: `remote '${remote.name}', datastore '${server.repository.store}'`,
    listNamespaces: async (anchor, depthMax, signal) => {
      const parameters = {
        "max-depth": depthMax,
        ...(anchor === "" ? {} : { parent: anchor }),
      };
      return namespaceNames(await server.callStore("GET", "namespace", parameters, signal));
    },
    listGroups: async (namespace, signal) => {
      const groups = await listGroups(server, namespace, signal);
      return groups.map(({ group }) => group);
    },
    listSnapshots: async (namespace, group, signal) => {
      const snapshots = await listSnapshots(server, namespace, { group, signal });
      // A genuine server leaves the size out as long as a snapshot is not finished.
      return snapshots.map(({ snapshot, size }) => ({ snapshot, isFinished: size !== undefined }));
    },
    openSnapshot: async (namespace, snapshot, signal) => {
      try {
        const session = await ReaderSession.open(
          {
            server,
            snapshot: { namespace, ...snapshot },
            reconnect: DEFAULT_RECONNECT,
            requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
          },
          signal,
        );
        return openedSnapshot(session, limit);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const listed = await server.callStore("GET", "snapshots", {
          ...namespaceParameter(namespace),
          "backup-type": snapshot.type,
          "backup-id": snapshot.id,
        });
        const isThere = objectsOf(listed, "the list of snapshots").some(
          (item) => item["backup-time"] === snapshot.timeSec,
        );
        if (!isThere) return undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => {
      server[Symbol.dispose]();
      await Promise.resolve();
    },
  };
}

function openedSnapshot(session: ReaderSession, limit: RateLimit | undefined): OpenedSnapshot {
  const blobs = new RemoteBlobSource(session);
  return {
    readFile: async (name, signal) => {
      try {
        return await session.download(name, signal);
      } catch (error) {
        if (error instanceof ApiError && error.code === "REFUSED_NOT_FOUND") return undefined;
        throw error;
      }
    },
    readBlob: async (digest, signal) => {
      const blob = await blobs.readBlob(digest, { signal });
      await limit?.take(blob.length);
      return blob;
    },
    [Symbol.asyncDispose]: async () => {
      session[Symbol.dispose]();
      await Promise.resolve();
    },
  };
}

import { parseSizeText } from "../../format/bytes/size-text.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { parseNamespace } from "../../format/snapshot/namespace.ts";
import { type AccessControl, datastorePath } from "../auth/access-control.ts";
import { type ConfigFiles } from "../configuration/config-files.ts";
import { type Datastores } from "../datastores.ts";
import { refused } from "../http/api-error.ts";
import { parseGroupFilter } from "../sync/group-filter.ts";
import { localSource } from "../sync/local-source.ts";
import { pullDatastore } from "../sync/pull-datastore.ts";
import { type RemoteAccess, type SyncSource } from "../sync/sync-source.ts";
import { jobScope } from "./job-scope.ts";
import { readRemote } from "./read-remote.ts";
import { type JobWork } from "./scheduled-job.ts";

/** What pulls work with. */
export interface PullParts {
  readonly datastores: Datastores;
  readonly access: AccessControl;
  readonly files: ConfigFiles;
  /** How other servers are reached; without it only datastores of this server can be pulled from. */
  readonly remotes: RemoteAccess | undefined;
}

/** What one pull is told, named as in the API and in `sync.cfg` (spec retention-gc-verify-sync.md §5.1). */
export interface PullOrder {
  readonly store: string;
  readonly ns?: string;
  readonly remote?: string;
  readonly "remote-store": string;
  readonly "remote-ns"?: string;
  readonly "remove-vanished"?: boolean;
  readonly "max-depth"?: number;
  readonly "group-filter"?: readonly string[];
  readonly "transfer-last"?: number;
  readonly "rate-in"?: string;
  readonly "burst-in"?: string;
}

/**
 * Checks everything about a pull that can be checked before it begins, and gives the work.
 *
 * @param owner In whose name it is: whom new groups belong to, and whose privileges count here.
 * @throws {ApiError} `API_REFUSED`
 * @throws {FormatError} For a filter that is none.
 */
export async function preparePull(
  { datastores, access, files, remotes }: PullParts,
  owner: AuthId,
  order: PullOrder,
): Promise<JobWork> {
  const { store } = order;
  const target = datastores.require(store, "write");
  if (order.remote === undefined && order["remote-store"] === store) {
    throw refused("source and target datastore can't be the same");
  }
  const filter = parseGroupFilter(order["group-filter"] ?? []);
  const limits = {
    bytesPerSec: parseSizeText(order["rate-in"] ?? ""),
    burstBytes: parseSizeText(order["burst-in"] ?? ""),
  };
  const sourceStore = order["remote-store"];
  let open: () => Promise<SyncSource>;
  if (order.remote === undefined) {
    const source = datastores.require(sourceStore, "read");
    const wanted = { full: ["Datastore.Read"], own: ["Datastore.Backup"] } as const;
    const scopeOf = jobScope(access, { authId: owner, store: sourceStore }, wanted);
    open = async () => await Promise.resolve(localSource(source, { authId: owner, scopeOf }));
  } else {
    if (!remotes) throw refused("this server cannot reach other servers");
    const remote = await readRemote(files, order.remote);
    open = async () => await remotes.open(remote, sourceStore, limits);
  }
  return async (task) => {
    const source = await open();
    try {
      task.log(`sync datastore '${store}' from ${source.name}`);
      await pullDatastore(
        {
          source,
          target,
          codec: createNativeProvider(),
          owner,
          transferLast: order["transfer-last"],
          vanished: order["remove-vanished"] === true ? "remove" : "keep",
          sourceNamespace: parseNamespace(order["remote-ns"] ?? ""),
          targetNamespace: parseNamespace(order.ns ?? ""),
          depthMax: order["max-depth"],
          filter,
          mayBackUp: (ns) => access.hasAny(owner, datastorePath(store, ns), ["Datastore.Backup"]),
          mayRemoveIn: (ns) =>
            access.hasAny(owner, datastorePath(store, ns), ["Datastore.Prune", "Datastore.Modify"]),
          mayCreateBelow: (ns) =>
            access.hasAny(owner, datastorePath(store, ns), ["Datastore.Modify"]),
        },
        task,
      );
    } finally {
      await source[Symbol.asyncDispose]();
    }
  };
}

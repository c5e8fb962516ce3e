import { type ServerHttp2Stream } from "node:http2";

import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type Digest, parseDigest } from "../../format/chunk/digest.ts";
import { archiveKindOf, parseArchiveName } from "../../format/snapshot/archive-name.ts";
import { isOwnedBy, parseAuthId, type AuthId } from "../../format/snapshot/auth-id.ts";
import { parseNamespace, type Namespace } from "../../format/snapshot/namespace.ts";
import {
  backupGroupText,
  parseBackupId,
  parseBackupType,
  snapshotIdText,
  type SnapshotId,
} from "../../format/snapshot/snapshot-id.ts";
import { datastorePath } from "../auth/access-control.ts";
import { hexTime } from "../auth/ticket.ts";
import { ApiError, refused } from "../http/api-error.ts";
import {
  backupId,
  backupTime,
  backupType,
  datastoreName,
  fileName,
  optionalFlag,
  optionalNamespace,
  sha256Hex,
} from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute, ANSWERED, type Call } from "../http/route.ts";
import { type UpgradeOffer } from "../http/upgrade-offer.ts";
import { STORED_PIECE_BYTES } from "../http/stored-pieces.ts";
import { type Datastore } from "../store/datastore.ts";
import { type SnapshotReader } from "../store/snapshot-reader.ts";
import { type StoredFile } from "../store/store-backend.ts";
import { StoreError } from "../store/store-error.ts";
import { type Task } from "../tasks/task.ts";
import { chunkBytes } from "./chunk-bytes.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { PieceMemory } from "./piece-memory.ts";
import { SHUTDOWN_REASON } from "./running-sessions.ts";
import { serveConnection } from "./session-connection.ts";
import { type SessionOptions } from "./session-options.ts";
import { SessionBytes, streamMethod, type SessionRoute } from "./session-router.ts";
import { storedBytes } from "./stored-bytes.ts";
import { requireUpgrade, upgradeConnection } from "./upgrade.ts";

const PROTOCOL = "proxmox-backup-reader-protocol-v1";

/** Receive window of a request, none of which has a body that matters: what HTTP/2 begins with. */
const REQUEST_WINDOW_BYTES = 64 * 1024;

/** Chunks that one session may be reading and sending at one time. */
const CHUNKS_AT_ONCE = 8;

/** Bytes of chunks that all sessions together may have read and not yet sent. */
const LENT_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes of those that one session may have. */
const SESSION_LENT_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes that are kept for the next chunks while nobody reads any. */
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

const SPEEDTEST_BYTES = 1024 * 1024;

const parameters = Type.Object({
  store: datastoreName,
  ns: optionalNamespace,
  "backup-type": backupType,
  "backup-id": backupId,
  "backup-time": backupTime,
  debug: optionalFlag,
});

/** `GET /reader`: the upgrade to a session that reads one snapshot (spec reader-protocol.md §1). */
export function addReaderRoute(api: FastifyInstance, options: SessionOptions): void {
  const memory = new PieceMemory({ lentBytesMax: LENT_BYTES_MAX, keptBytesMax: KEPT_BYTES_MAX });
  addRoute(api, {
    method: "GET",
    path: "/reader",
    description: "Upgrades the connection to a session that reads one snapshot.",
    permit: needsContent({ full: ["Datastore.Read"], own: ["Datastore.Backup"] }),
    parameters,
    unknownParameters: "ignore",
    reply: Type.Null(),
    handle: (given, call) => startReader(given, call, options, memory),
  });
}

async function startReader(
  given: Static<typeof parameters>,
  call: Call,
  options: SessionOptions,
  memory: PieceMemory,
): Promise<typeof ANSWERED> {
  const { access } = options;
  const aclPath = datastorePath(given.store, given.ns ?? "");
  const readsAll = access.hasAny(call.caller, aclPath, ["Datastore.Read"]);
  if (!readsAll && !access.hasAny(call.caller, aclPath, ["Datastore.Backup"])) {
    throw refused(`no permissions on ${aclPath}`);
  }
  using place = options.running.admit();
  const datastore = options.datastores.require(given.store, "read");
  const offer = requireUpgrade(call.request, PROTOCOL);
  const namespace = parseNamespace(given.ns ?? "");
  const snapshot: SnapshotId = {
    type: parseBackupType(given["backup-type"]),
    id: parseBackupId(given["backup-id"]),
    timeSec: given["backup-time"],
  };
  if (!readsAll) await requireGroupOwner(datastore, namespace, snapshot, call.caller);
  const reader = await openReader(datastore, namespace, snapshot);
  place.take(
    runSession({
      reader,
      datastore,
      snapshot,
      offer,
      call,
      options,
      memory,
      caller: call.caller,
      isDebug: given.debug === true,
    }),
  );
  return ANSWERED;
}

async function requireGroupOwner(
  datastore: Datastore,
  namespace: Namespace,
  snapshot: SnapshotId,
  caller: AuthId,
): Promise<void> {
  let owner: string;
  try {
    owner = await datastore.readOwner(namespace, snapshot);
  } catch (cause) {
    if (cause instanceof StoreError) throw refused("backup owner check failed!", { cause });
    throw cause;
  }
  if (!isOwnedBy(parseAuthId(owner), caller)) throw refused("backup owner check failed!");
}

async function openReader(
  datastore: Datastore,
  namespace: Namespace,
  snapshot: SnapshotId,
): Promise<SnapshotReader> {
  try {
    return await datastore.openReader(namespace, snapshot);
  } catch (cause) {
    const isMissing =
      cause instanceof StoreError &&
      ["STORE_SNAPSHOT_MISSING", "STORE_GROUP_MISSING", "STORE_NAMESPACE_MISSING"].includes(
        cause.code,
      );
    if (isMissing) throw refused(`snapshot ${snapshotIdText(snapshot)} does not exist.`, { cause });
    throw cause;
  }
}

interface Run {
  readonly reader: SnapshotReader;
  readonly datastore: Datastore;
  readonly snapshot: SnapshotId;
  readonly offer: UpgradeOffer;
  readonly call: Call;
  readonly options: SessionOptions;
  readonly memory: PieceMemory;
  readonly caller: AuthId;
  readonly isDebug: boolean;
}

/** One session from the 101 to the end; never rejects. */
async function runSession(run: Run): Promise<void> {
  const { reader, datastore, snapshot, options } = run;
  const logger = options.logger.child({
    store: datastore.name,
    snapshot: snapshotIdText(snapshot),
  });
  let task: Task | undefined;
  try {
    const id = `${datastore.name}:${backupGroupText(snapshot)}/${hexTime(snapshot.timeSec)}`;
    task = await options.tasks.start("reader", id, run.caller);
    task.log(`starting new backup reader datastore '${datastore.name}': "${datastore.location}"`);
    const session = await upgradeConnection(run.call.reply, run.offer, {
      protocol: PROTOCOL,
      bodyWindowBytes: REQUEST_WINDOW_BYTES,
    });
    if (session) {
      await serveConnection(session, {
        routes: readerMethods(run, task),
        task,
        isDebug: run.isDebug,
        unauthenticatedMs: options.unauthenticatedMs,
        pace: options.traffic.paceOf({
          authId: run.caller,
          address: run.offer.front.peerAddress,
        }),
        cut: options.running.cutSignal,
        logger,
      });
    }
    await reader[Symbol.asyncDispose]();
    // Clients just go away when they have what they want; that is no error worth a red line in the task list.
    task.log("reader finished successfully");
    await task.end(endedBy(task.signal, options.running.cutSignal));
  } catch (error) {
    logger.error({ err: error }, "reader session failed");
    await reader[Symbol.asyncDispose]();
    await task?.end("internal error").catch(() => undefined);
  }
}

/** Why a session did not end by itself, if it did not. */
function endedBy(aborted: AbortSignal, cut: AbortSignal): string | undefined {
  if (aborted.aborted) return "task aborted";
  return cut.aborted ? SHUTDOWN_REASON : undefined;
}

/** The methods of a reader session (spec reader-protocol.md §3). */
function readerMethods(
  { reader, datastore, isDebug, memory }: Run,
  task: Task,
): readonly SessionRoute[] {
  const turns = new MemoryBudget(CHUNKS_AT_ONCE);
  const share = memory.share({ bytesMax: SESSION_LENT_BYTES_MAX });
  return [
    streamMethod("GET /download", Type.Object({ "file-name": fileName }), async (given) => {
      const text = given["file-name"];
      if (!/\.([fd]idx|blob)$/.test(text)) throw refused(`unknown archive type: '${text}'`);
      const name = parseArchiveName(text);
      const file = await reader.openFile(name);
      task.detail(`download "${reader.path}/${name}"`);
      if (archiveKindOf(name) !== "blob") {
        task.detail(`register chunks in '${name}' as downloadable.`);
      }
      return storedBytes(file, { pieceBytes: STORED_PIECE_BYTES });
    }),
    streamMethod("GET /chunk", Type.Object({ digest: sha256Hex }), async (given, stream) => {
      const digest = parseDigest(given.digest);
      onceClosed(stream, await turns.take(1));
      const file = await openBlob(reader, digest);
      const loan = share.tryTake(file.size);
      if (loan) onceClosed(stream, loan.end);
      const bytes = await chunkBytes(file, loan);
      if (isDebug) {
        const path = `${datastore.location}/.chunks/${digest.slice(0, 4)}/${digest}`;
        task.detail(`download chunk "${path}"`);
      }
      return bytes;
    }),
    streamMethod(
      "GET /speedtest",
      Type.Object({}),
      async () => await Promise.resolve(new SessionBytes([Buffer.alloc(SPEEDTEST_BYTES, "A")])),
    ),
  ];
}

async function openBlob(reader: SnapshotReader, digest: Digest): Promise<StoredFile> {
  try {
    return await reader.openBlob(digest);
  } catch (cause) {
    if (cause instanceof StoreError && cause.code === "STORE_CHUNK_FORBIDDEN") {
      const text = `download chunk ${digest} not allowed`;
      throw new ApiError("API_UNAUTHENTICATED", text, { cause });
    }
    throw cause;
  }
}

function onceClosed(stream: ServerHttp2Stream, act: () => void): void {
  if (stream.destroyed) act();
  else stream.once("close", act);
}

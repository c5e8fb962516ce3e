import { type ServerHttp2Session } from "node:http2";

import { type FastifyBaseLogger, type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AuthId, authIdParts } from "../../format/snapshot/auth-id.ts";
import { namespacePath, parseNamespace } from "../../format/snapshot/namespace.ts";
import {
  backupGroupText,
  parseBackupId,
  parseBackupType,
  snapshotIdText,
  type SnapshotId,
} from "../../format/snapshot/snapshot-id.ts";
import { datastorePath } from "../auth/access-control.ts";
import { ApiError, refused } from "../http/api-error.ts";
import {
  backupId,
  backupTime,
  backupType,
  datastoreName,
  optionalFlag,
  optionalNamespace,
} from "../http/parameter-schema.ts";
import { needsContent } from "../http/permission.ts";
import { addRoute, ANSWERED, type Call } from "../http/route.ts";
import { type UpgradeOffer } from "../http/upgrade-offer.ts";
import { type BackupTarget } from "../store/backup-target.ts";
import { type Datastore } from "../store/datastore.ts";
import { type Task } from "../tasks/task.ts";
import { backupMethods } from "./backup-methods.ts";
import { bodyWindow } from "./body-window.ts";
import { OpenStreams } from "./open-streams.ts";
import { ReceiveTurns, TURN_BYTES } from "./receive-turns.ts";
import { type ReceiveWindow, ReceiveWindows } from "./receive-windows.ts";
import { serveConnection, type ConnectionEnd } from "./session-connection.ts";
import { type SessionOptions } from "./session-options.ts";
import { socketReading } from "../../linux/socket-reading.ts";
import { requireUpgrade, upgradeConnection } from "./upgrade.ts";

const PROTOCOL = "proxmox-backup-protocol-v1";

const parameters = Type.Object({
  store: datastoreName,
  ns: optionalNamespace,
  "backup-type": backupType,
  "backup-id": backupId,
  "backup-time": backupTime,
  debug: optionalFlag,
  benchmark: optionalFlag,
});

/** `GET /backup`: the upgrade to a session that writes one snapshot (spec backup-protocol.md §2). */
export function addBackupRoute(api: FastifyInstance, options: SessionOptions): void {
  const turns = new ReceiveTurns({ turnBytes: TURN_BYTES, afterTurn: setImmediate });
  const windows = new ReceiveWindows();
  addRoute(api, {
    method: "GET",
    path: "/backup",
    description: "Upgrades the connection to a session that writes one snapshot.",
    permit: needsContent({ full: [], own: ["Datastore.Backup"] }),
    parameters,
    unknownParameters: "ignore",
    reply: Type.Null(),
    handle: (given, call) => startBackup(given, call, { ...options, turns, windows }),
  });
}

/** What backup sessions work with. */
interface BackupOptions extends SessionOptions {
  readonly turns: ReceiveTurns;
  readonly windows: ReceiveWindows;
}

async function startBackup(
  given: Static<typeof parameters>,
  call: Call,
  options: BackupOptions,
): Promise<typeof ANSWERED> {
  const aclPath = datastorePath(given.store, given.ns ?? "");
  if (!options.access.hasAny(call.caller, aclPath, ["Datastore.Backup"])) {
    throw new ApiError("API_FORBIDDEN", `missing permissions 'Datastore.Backup' on '${aclPath}'`);
  }
  using place = options.running.admit();
  const datastore = options.datastores.require(given.store, "write");
  const offer = requireUpgrade(call.request, PROTOCOL);
  const namespace = parseNamespace(given.ns ?? "");
  if (!(await datastore.hasNamespace(namespace))) {
    throw new ApiError("API_NOT_FOUND", "namespace not found");
  }
  const snapshot: SnapshotId = {
    type: parseBackupType(given["backup-type"]),
    id: parseBackupId(given["backup-id"]),
    timeSec: given["backup-time"],
  };
  const kind = benchmarkKind(backupGroupText(snapshot), given.benchmark === true);
  const target = await datastore.beginBackup({
    namespace,
    snapshot,
    authId: call.caller,
    ownerCheck: kind === "benchmark" ? "skipped" : "enforced",
  });
  const folder = [namespacePath(namespace), snapshotIdText(snapshot)].filter((part) => part !== "");
  const snapshotPath = folder.join("/");
  place.take(
    runSession({
      target,
      kind,
      datastore,
      offer,
      call,
      options,
      caller: call.caller,
      snapshotPath,
      logger: options.logger.child({ store: datastore.name, snapshot: snapshotPath }),
      isDebug: given.debug === true,
    }),
  );
  return ANSWERED;
}

type SessionKind = "backup" | "benchmark";

/** The benchmark flag and the group `host/benchmark` go together (spec backup-protocol.md §8). */
function benchmarkKind(group: string, isBenchmark: boolean): SessionKind {
  const isBenchmarkGroup = group === "host/benchmark";
  if (isBenchmarkGroup && !isBenchmark) {
    throw refused("unable to run benchmark without --benchmark flags");
  }
  if (isBenchmark && !isBenchmarkGroup) {
    throw refused("benchmark flags is only allowed on 'host/benchmark'");
  }
  return isBenchmark ? "benchmark" : "backup";
}

interface Run {
  readonly target: BackupTarget;
  readonly kind: SessionKind;
  readonly datastore: Datastore;
  readonly offer: UpgradeOffer;
  readonly call: Call;
  readonly options: BackupOptions;
  readonly caller: AuthId;
  readonly snapshotPath: string;
  readonly logger: FastifyBaseLogger;
  readonly isDebug: boolean;
}

/** One session from the 101 to the end; never rejects. */
async function runSession(run: Run): Promise<void> {
  const { target, kind, datastore, options, snapshotPath, logger } = run;
  let task: Task | undefined;
  try {
    const group = snapshotGroup(target.snapshot);
    task = await options.tasks.start(kind, `${datastore.name}:${group}`, run.caller);
    const peer = run.offer.front.peerAddress;
    task.log(
      `starting new ${kind} on datastore '${datastore.name}' from ${peer}: "${snapshotPath}"`,
    );
    logger.info({ upid: task.upid, peer }, "backup session started");
    using window = options.windows.open();
    const http2 = { protocol: PROTOCOL, bodyWindowBytes: window.bytes };
    const session = await upgradeConnection(run.call.reply, run.offer, http2);
    if (session) window.follow(bodyWindow(session, http2.bodyWindowBytes));
    const end: ConnectionEnd = session
      ? await serve(run, task, { session, window })
      : { kind: "failed", reason: "connection error: closed during the upgrade" };
    await endSession(run, task, end);
    logger.info({ upid: task.upid, state: target.state }, "backup session ended");
  } catch (error) {
    logger.error({ err: error }, "backup session failed");
    await target.abort().catch((cause: unknown) => {
      logger.error({ err: cause }, "unfinished snapshot could not be removed");
    });
    await task?.end("internal error").catch(() => undefined);
  }
}

async function serve(
  run: Run,
  task: Task,
  { session, window }: { readonly session: ServerHttp2Session; readonly window: ReceiveWindow },
): Promise<ConnectionEnd> {
  const { target, options, snapshotPath, isDebug } = run;
  const streams = new OpenStreams(session, (count) => {
    window.bodies(count);
  });
  using watched = options.untaken.watch(() => streams.untakenBytes);
  using receiving = options.turns.connection(socketReading(session));
  return await serveConnection(session, {
    routes: backupMethods({
      target,
      snapshotPath,
      memory: options.uploadMemory.sessionShare(authIdParts(run.caller).user),
      onReceived: (size) => {
        receiving.received(size);
      },
      log: logTo(task),
      debug: isDebug ? detailTo(task) : ignoreLine,
    }),
    task,
    isDebug,
    unauthenticatedMs: options.unauthenticatedMs,
    pace: options.traffic.paceOf({
      authId: run.caller,
      address: run.offer.front.peerAddress,
    }),
    cut: options.running.cutSignal,
    flooded: watched.flooded,
    logger: run.logger,
  });
}

/** What becomes of the snapshot and of the task (spec backup-protocol.md §5). */
async function endSession(run: Run, task: Task, end: ConnectionEnd): Promise<void> {
  const { target, kind, datastore } = run;
  if (kind === "benchmark") {
    if (target.state === "finished") {
      await datastore.forgetSnapshot(target.namespace, target.snapshot);
    } else {
      await target.abort();
      await datastore.forgetEmptyGroup(target.namespace, target.snapshot);
    }
    task.log("benchmark finished successfully");
    await task.end();
    return;
  }
  if (target.state === "finished") {
    task.log("backup finished successfully");
    await task.end();
    const { namespace, snapshot } = target;
    await run.options.afterBackup({ datastore, namespace, snapshot, authId: run.caller });
    return;
  }
  if (end.kind === "closed") {
    const reason = "backup ended but finished flag is not set.";
    task.log(`backup ended and finish failed: ${reason}`);
    task.log("removing unfinished backup");
    await target.abort();
    await task.end(reason);
    return;
  }
  task.log(`backup failed: ${end.reason}`);
  task.log("removing failed backup");
  await target.abort();
  await task.end(end.reason);
}

function snapshotGroup(snapshot: SnapshotId): string {
  return backupGroupText(snapshot);
}

function logTo(task: Task): (line: string) => void {
  return (line) => {
    task.log(line);
  };
}

function detailTo(task: Task): (line: string) => void {
  return (line) => {
    task.detail(line);
  };
}

function ignoreLine(): void {
  // The client did not ask for details.
}

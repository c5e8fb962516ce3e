import { type SharedArena } from "../../chunks/shared-arena.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { PreviousBackup } from "../backup/previous-backup.ts";
import { type BackupEvents } from "../backup/run-backup.ts";
import { type SnapshotPlan, SnapshotUpload } from "../backup/snapshot-upload.ts";
import { type BackupServer } from "../session/backup-server.ts";
import { BackupSession } from "../session/backup-session.ts";
import { DEFAULT_RECONNECT, READER_REQUEST_TIMEOUT_MS } from "../session/reader-session.ts";
import { type Claim, claimVm, undoAbandoned, undoSetup } from "./block-setup.ts";
import {
  bitmapJob,
  type BitmapPlan,
  joinInterrupted,
  planBitmap,
  type TrackedDisk,
} from "./dirty-bitmaps.ts";
import { type DomainRestart } from "./domain-restart.ts";
import { guestStatus, PointInTime } from "./point-in-time.ts";
import { isRunning, processIdentity } from "./process-identity.ts";
import { QmpClient } from "./qmp-client.ts";
import { quiesce, type QuiesceOptions, type Quiesced, type Restarted } from "./quiesce.ts";
import { listVmDrives, type VmDisk, type VmDrives } from "./vm-disks.ts";
import { type DiskUpload, uploadVmDisk } from "./upload-vm-disk.ts";
import { type VmConfigurationFile } from "./vm-configuration.ts";
import { VmError } from "./vm-error.ts";
import { encodeVmState, parseTrackedDisks, VM_STATE_NAME, type VmState } from "./vm-state.ts";

/** What a backup of a guest is made of. */
export interface VmBackupPlan
  extends
    SnapshotPlan,
    Pick<QuiesceOptions, "mode" | "agentPath" | "shutdownAction" | "stopTimeoutMs"> {
  readonly server: BackupServer;
  readonly namespace: Namespace;
  /** Path of QEMU's monitor. */
  readonly qmpPath: string;
  /** Longest wait for an answer of it. */
  readonly qmpTimeoutMs: number;
  /** Stops a guest in mode `stop` whose QEMU ends then; `undefined` when QEMU can be told to stay. */
  readonly restart: DomainRestart | undefined;
  /** Disks to leave out, by name of archive, device or node. */
  readonly excludedDisks: ReadonlySet<string>;
  /** What the guest is made of. */
  readonly configuration: readonly VmConfigurationFile[];
  readonly fleecingFolder: string;
  readonly noCache: boolean;
}

/** What it works with. */
export interface VmBackupTools {
  readonly provider: CodecProvider;
  readonly pool: CodecPool;
  /** Room for chunks that are read and not sent. */
  readonly arena: SharedArena;
  readonly signal: AbortSignal;
  readonly events: VmBackupEvents;
}

/** What it tells while it runs. */
export type VmBackupEvents = Pick<
  BackupEvents,
  "info" | "comparing" | "keyUploading" | "started" | "uploaded"
> & {
  /** The guest is at its point in time; its disks are read once this has resolved. */
  cut(state: Pick<VmState, "mode" | "consistency" | "pausedMs" | "frozenMs">): Promise<void> | void;
  /** A drive is not in the snapshot. */
  skipped(drive: VmDrives["skipped"][number]): void;
};

/**
 * Makes a snapshot of all disks of a running guest, at one point in time (spec sources-feasibility.md §1.3).
 *
 * The server is asked first, so that the guest is touched only when there is somewhere to put its disks. What the guest writes
 * from then on is noted in bitmaps for the next backup; these are kept only when the snapshot was published, and what the
 * previous ones had noted is given back when it was not. Nothing stays in QEMU but the bitmaps.
 *
 * @throws {VmError} `ApiError`, `SessionError`, the signal's reason.
 */
export async function runVmBackup(plan: VmBackupPlan, tools: VmBackupTools): Promise<void> {
  const { server, snapshot, namespace, noCache } = plan;
  const { signal, events, provider, pool } = tools;
  using qmp = await connect(plan);
  const sessionSnapshot = { namespace, ...snapshot };
  using session = await BackupSession.open({ server, snapshot: sessionSnapshot, noCache, signal });
  const previous = await PreviousBackup.find({
    server,
    session,
    snapshot: sessionSnapshot,
    provider,
    pool,
    cryptMode: plan.cryptMode,
    key: plan.key,
    reconnect: DEFAULT_RECONNECT,
    requestTimeoutMs: READER_REQUEST_TIMEOUT_MS,
    signal,
    onInfo: (text) => {
      events.info(text);
    },
  });
  if (previous.timeSec !== undefined) events.comparing(previous.timeSec);
  const files = new SnapshotUpload(plan, {
    ...tools,
    session,
    expected: previous.timeSec === undefined ? "new" : "known",
    onUploaded: (name, result) => {
      events.uploaded(name, result);
    },
    onKeyUploading: (name) => {
      events.keyUploading(name);
    },
  });
  const tracked = await trackedDisks(previous);
  const run = new VmBackupRun({
    plan,
    tools,
    qmp,
    session,
    previous,
    tracked,
    files,
    toldDrives: new Set(),
  });
  const { restart } = plan;
  // One that does not run is backed up as it is.
  const isStopped = plan.mode === "stop" && restart && (await guestStatus(qmp)) === "running";
  if (isStopped === true) await run.runRestarted(restart);
  else await run.run();
}

/** What the previous snapshot says about the bitmaps that were begun with it. */
async function trackedDisks(previous: PreviousBackup): Promise<ReadonlyMap<string, TrackedDisk>> {
  const bytes = await previous.readBlob(VM_STATE_NAME);
  return bytes ? parseTrackedDisks(bytes) : new Map<string, TrackedDisk>();
}

async function connect({ qmpPath, qmpTimeoutMs }: VmBackupPlan): Promise<QmpClient> {
  return await QmpClient.connect({ path: qmpPath, timeoutMs: qmpTimeoutMs });
}

interface RunParts extends DiskUpload {
  readonly plan: VmBackupPlan;
  readonly tools: VmBackupTools;
  readonly qmp: QmpClient;
  readonly tracked: ReadonlyMap<string, TrackedDisk>;
  /** Names of drives of which was told that they are left out. */
  readonly toldDrives: Set<string>;
}

class VmBackupRun {
  readonly #parts: RunParts;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  async run(restarted?: Restarted): Promise<void> {
    const { tools } = this.#parts;
    const { pointInTime, plans } = await this.#begin();
    for (const { disk, distrust } of plans) {
      if (distrust !== undefined) tools.events.info(`${disk.name} is read as a whole: ${distrust}`);
    }
    try {
      await this.#backUp(pointInTime, plans, restarted);
    } catch (error) {
      await this.#endFailed(pointInTime);
      throw error;
    }
    // The snapshot exists; what goes wrong now is put right by the next backup.
    await pointInTime.end("succeeded").catch((error: unknown) => {
      tools.events.info(`The guest could not be tidied up: ${String(error)}`);
    });
  }

  /**
   * Shuts the guest down and backs up its disks as it has left them; from the restart until it runs nothing waits for the server.
   *
   * Everything up to the cut is tried before, so that the guest is not shut down for a backup that QEMU refuses.
   */
  async runRestarted(restart: DomainRestart): Promise<void> {
    const { plan, tools, qmp } = this.#parts;
    const { signal, events } = tools;
    const onInfo = (text: string): void => {
      events.info(text);
    };
    const claim = await this.#rehearse();
    try {
      await restart.shutDown({ timeoutMs: plan.stopTimeoutMs, signal, onInfo });
    } catch (error) {
      await undoSetup(qmp, claim).catch(() => undefined); // The next backup does it.
      throw error;
    }
    await restart.startFor({ signal, onInfo }, async (qmpPath, restarted) => {
      const newPlan = { ...plan, qmpPath };
      using newQmp = await connect(newPlan);
      await new VmBackupRun({ ...this.#parts, plan: newPlan, qmp: newQmp }).run(restarted);
    });
  }

  /** Does what comes before the cut and takes it back, except that nobody else begins. */
  async #rehearse(): Promise<Claim> {
    const { pointInTime, plans, claim } = await this.#begin();
    try {
      await prepare(pointInTime, plans);
    } catch (error) {
      await this.#endFailed(pointInTime);
      throw error;
    }
    await pointInTime.end("failed");
    await claimVm(this.#parts.qmp, claim);
    return claim;
  }

  async #begin(): Promise<{
    readonly claim: Claim;
    readonly plans: readonly BitmapPlan[];
    readonly pointInTime: PointInTime;
  }> {
    const { plan, tools, qmp, tracked } = this.#parts;
    const { disks, claim } = await this.#claim(tracked);
    const job = jobOf(plan);
    const plans = disks.map((disk) => planBitmap(disk, { job, tracked: tracked.get(disk.name) }));
    const { qmpPath, fleecingFolder } = plan;
    const { signal } = tools;
    const how = { qmp, qmpPath, claim, plans, fleecingFolder, signal };
    return { claim, plans, pointInTime: new PointInTime(how) };
  }

  async #claim(
    tracked: ReadonlyMap<string, TrackedDisk>,
  ): Promise<{ readonly disks: readonly VmDisk[]; readonly claim: Claim }> {
    const { plan, qmp, tools, toldDrives } = this.#parts;
    const { events } = tools;
    const owner = await processIdentity(process.pid);
    if (!owner) throw new TypeError("this process has no identity");
    const isUndone = await undoAbandoned(qmp, isRunning);
    const list = async (): Promise<VmDrives> => await listVmDrives(qmp, plan.excludedDisks);
    const { disks: found, skipped } = await list();
    for (const drive of skipped) {
      if (!toldDrives.has(drive.name)) events.skipped(drive);
      toldDrives.add(drive.name);
    }
    const claim = {
      owner,
      disks: found.map(({ device, node }) => ({ device, node })),
    };
    await claimVm(qmp, claim);
    const bitmaps = new Set([...tracked.values()].map(({ bitmap }) => bitmap));
    const isJoined = await joinInterrupted(qmp, found, bitmaps);
    if (isUndone || isJoined) events.info("A backup that broke off has been tidied up");
    return { claim, disks: isJoined ? (await list()).disks : found };
  }

  async #backUp(
    pointInTime: PointInTime,
    plans: readonly BitmapPlan[],
    restarted: Restarted | undefined,
  ): Promise<void> {
    const { plan, tools, qmp, files } = this.#parts;
    await prepare(pointInTime, plans);
    const quiesced = await quiesce({
      ...plan,
      qmp,
      pointInTime,
      restarted,
      disks: plans.length > 1 ? "several" : "one",
      onInfo: (text) => {
        tools.events.info(text);
      },
      signal: tools.signal,
    });
    try {
      await this.#checkUnchanged(plans);
      const { mode } = plan;
      const { consistency, frozenMs } = quiesced;
      await tools.events.cut({ mode, consistency, frozenMs, pausedMs: quiesced.pausedMs() });
      await pointInTime.share();
      for (const one of plans) await uploadVmDisk(pointInTime, one, this.#parts);
    } finally {
      if (!qmp.lost) await quiesced.resume();
    }
    for (const { name, content } of plan.configuration) await files.uploadBlob(name, content);
    await files.uploadBlob(VM_STATE_NAME, encodeVmState(stateOf(plan, quiesced, plans)));
    await files.uploadWrappedKey();
    await files.publish();
  }

  /** What was decided about the disks holds only for those that were there. */
  async #checkUnchanged(plans: readonly BitmapPlan[]): Promise<void> {
    const { plan, qmp } = this.#parts;
    const { disks } = await listVmDrives(qmp, plan.excludedDisks);
    const isSame =
      disks.length === plans.length &&
      plans.every(({ disk }) => {
        const now = disks.find(({ device }) => device === disk.device);
        return now?.size === disk.size;
      });
    if (!isSame) throw new VmError("VM_DISKS_CHANGED", "back up the virtual machine");
  }

  /** Over a new connection, when the old one is what failed. */
  async #endFailed(pointInTime: PointInTime): Promise<void> {
    const { plan, qmp, tools } = this.#parts;
    try {
      if (!qmp.lost) await pointInTime.end("failed");
      else {
        using again = await connect(plan);
        await pointInTime.end("failed", again);
      }
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tools.events.info(`The guest could not be tidied up, the next backup will: ${text}`);
    }
  }
}

async function prepare(pointInTime: PointInTime, plans: readonly BitmapPlan[]): Promise<void> {
  if (plans.length === 0) throw new VmError("VM_NO_DISKS", "back up the virtual machine");
  await pointInTime.prepare();
}

function jobOf({ server, namespace, snapshot }: VmBackupPlan): string {
  const { host, port, store } = server.repository;
  return bitmapJob([host ?? "", String(port), store, namespace, snapshot.type, snapshot.id]);
}

function stateOf(
  { mode }: VmBackupPlan,
  { consistency, frozenMs, pausedMs }: Quiesced,
  plans: readonly BitmapPlan[],
): VmState {
  const disks = plans
    .filter(({ disk }) => disk.isWritable)
    .map(({ disk, next }) => [disk.name, { bitmap: next, size: disk.size }] as const);
  return { mode, consistency, frozenMs, pausedMs: pausedMs(), disks: new Map(disks) };
}

import { setTimeout as sleep } from "node:timers/promises";

import { type JsonObject } from "../../format/manifest/canonical-json.ts";
import { isJsonObject } from "../../format/manifest/parse-json.ts";
import { ignoreRefusal, useNode } from "./block-setup.ts";
import { type QmpClient } from "./qmp-client.ts";
import { overlayNodeOf, type RestoreOverlay } from "./restore-overlay.ts";
import { devicePath, objects, text } from "./vm-disks.ts";
import { VmError } from "./vm-error.ts";

/** How far a restore is. */
export interface FillProgress {
  /** Bytes of the overlays that have been looked at. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Thrown when some places could not be copied, and everything else was. */
export class OverlaysIncomplete extends VmError {
  /** The overlays that miss something, and what QEMU said first. */
  readonly failures: ReadonlyMap<RestoreOverlay, string>;

  constructor(failures: ReadonlyMap<RestoreOverlay, string>) {
    const paths = [...failures.keys()].map(({ path }) => `"${path}"`).join(", ");
    const detail = [...new Set(failures.values())].join(", ");
    super("VM_DISK_UNREADABLE", `complete ${paths}`, { detail });
    this.failures = failures;
  }
}

/** Pause between looks at QEMU's jobs. */
const LOOK_MS = 250;

/** How long and how often to look whether a job that was cancelled has ended. */
const CANCEL_MS_MAX = 10_000;
const CANCEL_LOOK_MS = 20;

/** QOM id of the object that says that the guest was paused by us. */
const PAUSED_ID = "amber-restore-paused";

/**
 * Makes QEMU copy what is missing in overlays that it has open, and waits until nothing is.
 *
 * What an earlier call began goes on. Then the filters that kept what the guest read are taken out. Places that cannot be copied
 * are left out: the others are copied first, and an overlay that misses some still needs the backup.
 *
 * @throws {VmError} `VM_NOT_FOUND` for an overlay that QEMU does not have open, `VM_LOST` when QEMU has ended;
 *   {@link OverlaysIncomplete}; the signal's reason.
 */
export async function fillOverlays(
  qmp: QmpClient,
  overlays: readonly RestoreOverlay[],
  {
    onProgress,
    signal,
  }: { readonly onProgress: (progress: FillProgress) => void; readonly signal: AbortSignal },
): Promise<void> {
  await goOn(qmp);
  // Jobs of earlier calls may fail because those were ended; they are begun anew.
  const begun = new Set<RestoreOverlay>();
  const failures = new Map<RestoreOverlay, string>();
  const begin = async (overlay: RestoreOverlay): Promise<void> => {
    if ((await startJob(qmp, overlay)) === "begun") begun.add(overlay);
  };
  for (const overlay of overlays) await begin(overlay);
  for (;;) {
    for (const { job, overlay } of await ownJobs(qmp, overlays)) {
      if (job["status"] !== "concluded") continue;
      if (!begun.has(overlay)) {
        await begin(overlay);
        continue;
      }
      await qmp.execute("job-dismiss", { id: jobOf(overlay) });
      if (job["error"] !== undefined) failures.set(overlay, text(job["error"]));
    }
    const running = await ownJobs(qmp, overlays);
    if (running.length === 0) break;
    const sum = (field: string): number =>
      running.reduce((total, { job }) => total + Number(job[field]), 0);
    onProgress({ doneBytes: sum("current-progress"), totalBytes: sum("total-progress") });
    await sleep(LOOK_MS, undefined, { signal });
  }
  for (const overlay of overlays) {
    if (failures.has(overlay)) continue;
    const node = await findNode(qmp, overlay);
    // A job that somebody else cancelled and dismissed.
    if (hasBacking(node)) {
      throw new VmError("VM_LOST", `complete "${overlay.path}"`, {
        detail: "the copying was cancelled",
      });
    }
    await removeFilter(qmp, overlay);
  }
  if (failures.size > 0) throw new OverlaysIncomplete(failures);
}

/**
 * Pauses the guest and ends the copying, before the backup cannot be read any more; {@link fillOverlays} goes on with both.
 *
 * What was copied stays. A guest that needs nothing of the backup, as one that never had the overlays open, is left alone.
 *
 * @returns Whether it is held.
 */
export async function holdGuest(
  qmp: QmpClient,
  overlays: readonly RestoreOverlay[],
): Promise<boolean> {
  const nodes = objects(await qmp.execute("query-named-block-nodes", { flat: true }));
  if (!overlays.some(({ path }) => nodes.some((node) => isOf(node, path) && hasBacking(node)))) {
    return false;
  }
  const status = await qmp.execute("query-status");
  if (isJsonObject(status) && status["status"] === "running") {
    await qmp.execute("object-add", { "qom-type": "secret", id: PAUSED_ID, data: "1" });
    await qmp.execute("stop");
  }
  for (const overlay of overlays) {
    const device = jobOf(overlay);
    await qmp.execute("block-job-cancel", { device, force: true }).catch(ignoreRefusal);
  }
  await jobsEnded(qmp, overlays);
  return true;
}

/**
 * Waits until cancelled jobs have ended, for a while: QEMU 7.2 can crash (SIGSEGV) when the backup goes away under one that has not.
 */
async function jobsEnded(qmp: QmpClient, overlays: readonly RestoreOverlay[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < CANCEL_MS_MAX; waitedMs += CANCEL_LOOK_MS) {
    const jobs = await ownJobs(qmp, overlays);
    if (jobs.every(({ job }) => job["status"] === "concluded")) return;
    await sleep(CANCEL_LOOK_MS);
  }
}

/** Lets a guest go on that {@link holdGuest} paused. */
async function goOn(qmp: QmpClient): Promise<void> {
  const known = objects(await qmp.execute("qom-list", { path: "/objects" }));
  if (!known.some(({ name }) => name === PAUSED_ID)) return;
  await qmp.execute("cont");
  await qmp.execute("object-del", { id: PAUSED_ID });
}

async function startJob(
  qmp: QmpClient,
  overlay: RestoreOverlay,
): Promise<"begun" | "running" | "needless"> {
  const [left] = await ownJobs(qmp, [overlay]);
  if (left && left.job["status"] !== "concluded") return "running";
  if (left) await qmp.execute("job-dismiss", { id: jobOf(overlay) }); // It failed when nobody looked.
  const node = await findNode(qmp, overlay);
  if (!hasBacking(node)) return "needless";
  await qmp.execute("block-stream", {
    "job-id": jobOf(overlay),
    device: text(node["node-name"]),
    "auto-dismiss": false,
    "on-error": "ignore", // It goes on behind a place that cannot be read, and fails in the end.
  });
  return "begun";
}

function jobOf({ node }: RestoreOverlay): string {
  return `amber-restore-${node}`;
}

async function ownJobs(
  qmp: QmpClient,
  overlays: readonly RestoreOverlay[],
): Promise<readonly { readonly job: JsonObject; readonly overlay: RestoreOverlay }[]> {
  const jobs = objects(await qmp.execute("query-jobs"));
  return overlays.flatMap((overlay) => {
    const job = jobs.find(({ id }) => id === jobOf(overlay));
    return job ? [{ job, overlay }] : [];
  });
}

/** By its file, whatever it is called: a guest may have been started by somebody else. */
async function findNode(qmp: QmpClient, { path }: RestoreOverlay): Promise<JsonObject> {
  const nodes = objects(await qmp.execute("query-named-block-nodes", { flat: true }));
  const found = nodes.find((node) => isOf(node, path));
  if (found) return found;
  const detail = "the virtual machine does not have it open";
  throw new VmError("VM_NOT_FOUND", `complete "${path}"`, { detail });
}

function isOf({ drv, image }: JsonObject, path: string): boolean {
  return drv === "qcow2" && isJsonObject(image) && image["filename"] === path;
}

function hasBacking({ image }: JsonObject): boolean {
  return isJsonObject(image) && image["backing-filename"] !== undefined;
}

async function removeFilter(qmp: QmpClient, { node }: RestoreOverlay): Promise<void> {
  const drives = objects(await qmp.execute("query-block"));
  const drive = drives.find(({ inserted }) => {
    return (
      isJsonObject(inserted) && inserted["node-name"] === node && inserted["drv"] === "copy-on-read"
    );
  });
  if (!drive) return;
  await useNode(qmp, devicePath(text(drive["qdev"])), overlayNodeOf(node));
  await qmp.execute("blockdev-del", { "node-name": node });
}

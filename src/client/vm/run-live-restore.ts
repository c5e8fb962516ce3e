import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { fillOverlays, type FillProgress, holdGuest } from "./fill-overlays.ts";
import { NbdServer } from "./nbd-server.ts";
import { QmpClient } from "./qmp-client.ts";
import {
  completeOverlay,
  overlayNodes,
  prepareOverlay,
  type RestoreOverlay,
} from "./restore-overlay.ts";
import { type SnapshotImage } from "./snapshot-images.ts";
import { VmError } from "./vm-error.ts";

/** Who uses the disks while they are restored. */
export type RestoredGuest =
  /** A QEMU that is started with these arguments and more: the disks, and a monitor. */
  | { readonly kind: "start"; readonly command: readonly string[] }
  /** One that runs already; path of its monitor. */
  | { readonly kind: "attach"; readonly qmpPath: string }
  | { readonly kind: "none" };

/** What is restored, and where. */
export interface LiveRestorePlan {
  readonly images: readonly SnapshotImage[];
  /** Gets a qcow2 file for each image, and what is needed meanwhile. */
  readonly folder: string;
  readonly guest: RestoredGuest;
  /** Longest wait for an answer of the monitor. */
  readonly qmpTimeoutMs: number;
}

/** What a live restore tells while it runs. */
export interface LiveRestoreTools {
  readonly signal: AbortSignal;
  readonly events: {
    prepared(overlay: RestoreOverlay): void;
    /** The guest runs, and can be reached at this monitor. */
    running(qmpPath: string): void;
    progress(progress: FillProgress): void;
    /** The guest is paused, since the restore is ended before it is complete. */
    held: () => void;
    /** It could not be paused, for example because it waits for the server: it runs on, and waits some minutes. */
    notHeld: (error: unknown) => void;
    /** A part of the backup cannot be read. */
    unreadable(error: unknown): void;
  };
}

/** How long a QEMU may take until its monitor is there. */
const START_MS = 60_000;

/** Pause between looks for it. */
const LOOK_MS = 50;

/**
 * Lets a guest run at once on disks that are in a backup, and copies them meanwhile.
 *
 * Each disk is a qcow2 file over the image, which is served over NBD by this process: reads of the guest fetch what they need, its
 * writes go to the file, and QEMU fills the rest in the background. When nothing is missing any more, the files are
 * independent, and the guest does not notice the end. Whatever happens before that, the files stay: the same call with the same
 * folder goes on. A guest that runs on while this process is gone waits for it for some minutes.
 *
 * @throws {VmError} `VM_OVERLAY_OTHER`, `VM_SOCKET_TAKEN`, `VM_LOST`, and what {@link fillOverlays} throws; the signal's reason.
 */
export async function runLiveRestore(
  { images, folder, guest, qmpTimeoutMs }: LiveRestorePlan,
  { signal, events }: LiveRestoreTools,
): Promise<readonly RestoreOverlay[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, "nbd.sock");
  const overlays: RestoreOverlay[] = [];
  for (const [position, image] of images.entries()) {
    const overlay = await prepareOverlay(image, { folder, socket, position });
    events.prepared(overlay);
    overlays.push(overlay);
  }
  const unfinished = overlays.filter(({ isWhole }) => !isWhole);
  const server = await NbdServer.listen({
    path: socket,
    exports: unfinished.map(({ image, exportName }) => image.toExport(exportName)),
    onError: (error) => {
      events.unreadable(error);
    },
  });
  try {
    if (guest.kind === "none") {
      for (const overlay of unfinished) await completeOverlay(overlay, signal);
    } else {
      using qmp = await connectGuest(guest, { folder, overlays, qmpTimeoutMs, signal });
      events.running(guest.kind === "attach" ? guest.qmpPath : monitorIn(folder));
      await fillInGuest(qmp, unfinished, { signal, events });
    }
    return overlays;
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function fillInGuest(
  qmp: QmpClient,
  unfinished: readonly RestoreOverlay[],
  { signal, events }: LiveRestoreTools,
): Promise<void> {
  const onProgress = (progress: FillProgress): void => {
    events.progress(progress);
  };
  try {
    await fillOverlays(qmp, unfinished, { onProgress, signal });
  } catch (error) {
    if (signal.aborted && !qmp.lost) {
      await holdGuest(qmp, unfinished).then(events.held, events.notHeld);
    }
    throw error;
  }
}

/** Monitor of a guest that was started here. */
function monitorIn(folder: string): string {
  return join(folder, "qmp.sock");
}

async function connectGuest(
  guest: Exclude<RestoredGuest, { readonly kind: "none" }>,
  {
    folder,
    overlays,
    qmpTimeoutMs: timeoutMs,
    signal,
  }: Pick<LiveRestorePlan, "folder" | "qmpTimeoutMs"> & {
    readonly overlays: readonly RestoreOverlay[];
    readonly signal: AbortSignal;
  },
): Promise<QmpClient> {
  if (guest.kind === "attach") return await QmpClient.connect({ path: guest.qmpPath, timeoutMs });
  const path = monitorIn(folder);
  const [program = "", ...given] = guest.command;
  const blockdevs = overlays.flatMap((overlay) => [
    "-blockdev",
    JSON.stringify(overlayNodes(overlay)),
  ]);
  const monitor = ["-qmp", `unix:${path},server=on,wait=off`];
  const logPath = join(folder, "qemu.log");
  const child = await startDetached(program, [...given, ...blockdevs, ...monitor], logPath);
  const endAtMs = performance.now() + START_MS;
  for (;;) {
    signal.throwIfAborted();
    const hasFailed = child.exitCode !== null ? child.exitCode !== 0 : child.signalCode !== null;
    if (hasFailed) {
      const log = (await readFile(logPath, "utf8")).trim();
      const detail = log === "" ? "it ended at once" : log.slice(-2000);
      throw new VmError("VM_TOOL_FAILED", `start "${program}"`, { detail });
    }
    try {
      return await QmpClient.connect({ path, timeoutMs });
    } catch (error) {
      // Its monitor may be there for a moment although it ends for another reason.
      const isEarly =
        error instanceof VmError && ["VM_UNREACHABLE", "VM_LOST"].includes(error.code);
      if (!isEarly || performance.now() > endAtMs) throw error;
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** In a session of its own, so that it neither ends with us nor gets what is typed to end us. */
async function startDetached(
  program: string,
  args: readonly string[],
  logPath: string,
): Promise<ChildProcess> {
  const log = await open(logPath, "w", 0o600);
  try {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", log.fd, log.fd] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    return child;
  } catch (cause) {
    const detail = "it cannot be run";
    throw new VmError("VM_TOOL_MISSING", `start "${program}"`, { cause, detail });
  } finally {
    await log.close();
  }
}

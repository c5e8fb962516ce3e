import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { shortArchiveName } from "../../format/snapshot/archive-name.ts";
import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { isChunkDamage } from "../restore/restore-damage.ts";
import { connectGuest, monitorIn, type RestoredGuest } from "./connect-guest.ts";
import { fillOverlays, type FillProgress, holdGuest, OverlaysIncomplete } from "./fill-overlays.ts";
import { NbdServer } from "./nbd-server.ts";
import { type QmpClient } from "./qmp-client.ts";
import { completeOverlay, prepareOverlay, type RestoreOverlay } from "./restore-overlay.ts";
import { type SnapshotImage } from "./snapshot-images.ts";
import { VmError } from "./vm-error.ts";

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
    /** A part of the backup cannot be read: the error names the image and the range. */
    unreadable(error: VmError): void;
  };
}

/** What QEMU says of a copying that could not read; other failures have other words. */
const READ_FAILED = "Input/output error";

/**
 * Lets a guest run at once on disks that are in a backup, and copies them meanwhile.
 *
 * Each disk is a qcow2 file over the image, which is served over NBD by this process: reads of the guest fetch what they need, its
 * writes go to the file, and QEMU fills the rest in the background. When nothing is missing any more, the files are
 * independent, and the guest does not notice the end. Whatever happens before that, the files stay: the same call with the same
 * folder goes on. A guest that runs on while this process is gone waits for it for some minutes.
 *
 * Where chunks are damaged, only reads of these places fail, the rest is copied, and then the call fails; the guest runs on. When it
 * fails for another reason, a guest that needs the backup is paused.
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
  const damagedExports = new Set<string>();
  const gone = new AbortController();
  using either = abortOnAny([signal, gone.signal]);
  const server = await NbdServer.listen({
    path: socket,
    exports: unfinished.map(({ image, exportName }) => image.toExport(exportName)),
    onError: (cause, { target, offset, size }) => {
      const image = unfinished.find(({ exportName }) => exportName === target.name)?.image;
      const name = image ? shortArchiveName(image.archive) : target.name;
      const action = `read bytes ${offset} to ${offset + size - 1} of "${name}"`;
      const error = new VmError("VM_DISK_UNREADABLE", action, { cause });
      events.unreadable(error);
      if (isChunkDamage(cause)) damagedExports.add(target.name);
      else gone.abort(error); // Nothing else can be read either.
    },
  });
  const isOnlyDamage = (error: unknown): boolean =>
    error instanceof OverlaysIncomplete &&
    [...error.failures].every(
      ([{ exportName }, told]) => damagedExports.has(exportName) && told === READ_FAILED,
    );
  try {
    if (guest.kind === "none") {
      for (const overlay of unfinished) await completeOverlay(overlay, either.signal);
    } else {
      using qmp = await connectGuest(guest, { folder, overlays, qmpTimeoutMs, signal });
      events.running(guest.kind === "attach" ? guest.qmpPath : monitorIn(folder));
      await fillInGuest(qmp, unfinished, { signal: either.signal, events, isOnlyDamage });
    }
    return overlays;
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function fillInGuest(
  qmp: QmpClient,
  unfinished: readonly RestoreOverlay[],
  {
    signal,
    events,
    isOnlyDamage,
  }: LiveRestoreTools & { readonly isOnlyDamage: (error: unknown) => boolean },
): Promise<void> {
  const onProgress = (progress: FillProgress): void => {
    events.progress(progress);
  };
  try {
    await fillOverlays(qmp, unfinished, { onProgress, signal });
  } catch (error) {
    if (!qmp.lost && !isOnlyDamage(error)) {
      await holdGuest(qmp, unfinished).then((isHeld) => {
        if (isHeld) events.held();
      }, events.notHeld);
    }
    signal.throwIfAborted(); // Its reason says more.
    throw error;
  }
}

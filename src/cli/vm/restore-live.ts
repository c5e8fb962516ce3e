import { resolve } from "node:path";

import { type RestoredGuest } from "../../client/vm/connect-guest.ts";
import { type FillProgress } from "../../client/vm/fill-overlays.ts";
import { runLiveRestore } from "../../client/vm/run-live-restore.ts";
import { shortArchiveName } from "../../format/snapshot/archive-name.ts";
import { CliError } from "../cli-error.ts";
import { commandLog } from "../log.ts";
import { type OutputFormatOptions, printResult } from "../output-format.ts";
import { ProgressLine } from "../progress-line.ts";
import { describeFailure } from "../run-command.ts";
import { type SnapshotImagesOptions, withSnapshotImages } from "./with-snapshot-images.ts";

/** Everything `amber live-restore` can be told. */
export interface LiveRestoreOptions extends OutputFormatOptions, SnapshotImagesOptions {
  readonly image: readonly string[];
  readonly qmp?: string;
}

/** A guest that runs on a backup cannot do without the server: it waits. */
const PATIENT_RECONNECT = { totalMs: 24 * 3_600_000, delayMs: 200, delayMsMax: 5_000 };

/** Longest wait for an answer of the monitor: QEMU may be waiting for the server. */
const QMP_TIMEOUT_MS = 60_000;

const MIB = 1024 * 1024;

/** Restores images while a guest uses them, and tells how far it is. */
export async function restoreLive(
  {
    snapshot,
    folder,
    command,
  }: { readonly snapshot: string; readonly folder: string; readonly command: readonly string[] },
  { options, signal }: { readonly options: LiveRestoreOptions; readonly signal: AbortSignal },
): Promise<void> {
  const guest = chooseGuest(options, command);
  const wanted = { snapshot, images: options.image, reconnect: PATIENT_RECONNECT };
  await withSnapshotImages(wanted, { options, signal }, async ({ images }) => {
    let last: FillProgress | undefined;
    using line = new ProgressLine({ output: process.stderr, describe: () => describe(last) });
    const say = (level: "info" | "warn" | "error", text: string): void => {
      line.print(() => {
        commandLog.line(level, text);
      });
    };
    const plan = { images, folder: resolve(folder), guest, qmpTimeoutMs: QMP_TIMEOUT_MS };
    const overlays = await runLiveRestore(plan, {
      signal,
      events: {
        prepared: ({ image, path, node, isFound, isWhole }) => {
          const found = isWhole ? "is restored already" : "goes on";
          const what = isFound ? `${found} in` : "is restored to";
          say("info", `${shortArchiveName(image.archive)} ${what} "${path}", block node ${node}`);
        },
        running: (qmpPath) => {
          say("info", `The guest runs; its monitor is "${qmpPath}"`);
        },
        progress: (progress) => {
          last = progress;
        },
        held: () => {
          say("warn", "Warning: the guest is paused until the restore goes on, with --qmp");
        },
        notHeld: (error) => {
          say("warn", `Warning: the guest could not be paused. ${describeFailure(error)}`);
        },
        unreadable: (error) => {
          say("error", describeFailure(error));
        },
      },
    });
    const restored = overlays.map(({ image, path }) => ({
      image: shortArchiveName(image.archive),
      path,
    }));
    await printResult(restored, options, () => restored.map(({ path }) => `${path}\n`).join(""));
  });
}

function chooseGuest({ qmp }: LiveRestoreOptions, command: readonly string[]): RestoredGuest {
  if (qmp !== undefined && command.length > 0) {
    throw new CliError("CLI_USAGE", "Cannot start a guest and use the monitor of another (--qmp)");
  }
  if (qmp !== undefined) return { kind: "attach", qmpPath: resolve(qmp) };
  return command.length > 0 ? { kind: "start", command } : { kind: "none" };
}

function describe(progress: FillProgress | undefined): string | undefined {
  if (!progress) return undefined;
  const [done, total] = [progress.doneBytes, progress.totalBytes].map((n) => Math.round(n / MIB));
  return `copied ${done} of ${total} MiB`;
}

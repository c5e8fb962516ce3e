import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { QmpClient, type QmpOptions } from "./qmp-client.ts";
import { overlayNodes, type RestoreOverlay } from "./restore-overlay.ts";
import { VmError } from "./vm-error.ts";

/** Who uses the disks while they are restored. */
export type RestoredGuest =
  /** A QEMU that is started with these arguments and more: the disks, and a monitor. */
  | { readonly kind: "start"; readonly command: readonly string[] }
  /** One that runs already; path of its monitor. */
  | { readonly kind: "attach"; readonly qmpPath: string }
  | { readonly kind: "none" };

/** How long a QEMU may take until its monitor is there. */
const START_MS = 60_000;

/** How long a QEMU may take to end that was started in vain. */
const END_MS = 10_000;

/** Pause between looks for it. */
const LOOK_MS = 50;

/** Monitor of a guest that was started here. */
export function monitorIn(folder: string): string {
  return join(folder, "qmp.sock");
}

/**
 * Connects to the monitor of the guest, which is started first if need be.
 *
 * One that was started here is ended again unless it answers.
 *
 * @throws {VmError} `VM_TOOL_MISSING`, `VM_TOOL_FAILED` with what QEMU says, and what {@link QmpClient.connect} throws; the
 *   signal's reason.
 */
export async function connectGuest(
  guest: Exclude<RestoredGuest, { readonly kind: "none" }>,
  {
    folder,
    overlays,
    qmpTimeoutMs: timeoutMs,
    signal,
  }: {
    readonly folder: string;
    readonly qmpTimeoutMs: number;
    readonly overlays: readonly RestoreOverlay[];
    readonly signal: AbortSignal;
  },
): Promise<QmpClient> {
  if (guest.kind === "attach") {
    return await connectUnlessAborted({ path: guest.qmpPath, timeoutMs }, signal);
  }
  const path = monitorIn(folder);
  const [program = "", ...given] = guest.command;
  const blockdevs = overlays.flatMap((overlay) => [
    "-blockdev",
    JSON.stringify(overlayNodes(overlay)),
  ]);
  const monitor = ["-qmp", `unix:${path.replaceAll(",", ",,")},server=on,wait=off`];
  const logPath = join(folder, "qemu.log");
  const child = await startDetached(program, [...given, ...blockdevs, ...monitor], logPath);
  try {
    return await reachMonitor(child, { program, path, logPath, timeoutMs, signal });
  } catch (error) {
    await endStarted(child);
    throw error;
  }
}

/** Waits until a QEMU that was started answers. */
async function reachMonitor(
  child: ChildProcess,
  {
    program,
    path,
    logPath,
    timeoutMs,
    signal,
  }: Record<"program" | "path" | "logPath", string> & {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<QmpClient> {
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
      return await connectUnlessAborted({ path, timeoutMs }, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Its monitor may be there for a moment although it ends for another reason.
      const isEarly =
        error instanceof VmError && ["VM_UNREACHABLE", "VM_LOST"].includes(error.code);
      if (!isEarly || performance.now() > endAtMs) throw error;
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** It may take long until a QEMU greets. */
async function connectUnlessAborted(options: QmpOptions, signal: AbortSignal): Promise<QmpClient> {
  const connecting = QmpClient.connect(options);
  const done = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => {
      reject(new VmError("VM_LOST", `connect to "${options.path}"`));
    };
    signal.addEventListener("abort", onAbort, { signal: done.signal });
  });
  try {
    return await Promise.race([connecting, aborted]);
  } catch (error) {
    connecting.then(
      (late) => {
        late[Symbol.dispose]();
      },
      () => undefined, // That is the error, or nobody needs it any more.
    );
    signal.throwIfAborted();
    throw error;
  } finally {
    done.abort();
  }
}

/** Ends a QEMU that never answered, with what it has started; one that has put itself into the background is not known here. */
async function endStarted(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  signalGroup(pid, "SIGTERM");
  const timer = setTimeout(() => {
    signalGroup(pid, "SIGKILL");
  }, END_MS);
  await ended;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has just ended.
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

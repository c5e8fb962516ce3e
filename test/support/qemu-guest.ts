import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

import { QmpClient } from "../../src/client/vm/qmp-client.ts";
import { eventually } from "./eventually.ts";

/** Why no guest can be started here; `undefined` when one can. */
export function reasonWithoutQemu(): string | undefined {
  const missing = ["qemu-system-x86_64", "qemu-img", "qemu-io", "qemu-nbd"].filter(
    (program) => spawnSync("which", [program]).status !== 0,
  );
  return missing.length === 0 ? undefined : `${missing.join(", ")} cannot be run`;
}

/** A disk of a guest under test. */
export interface GuestDisk {
  readonly path: string;
  readonly format: "qcow2" | "raw";
}

/** A running QEMU, in software emulation. */
export interface QemuGuest extends AsyncDisposable {
  readonly child: ChildProcess;
  /** Monitor for the backup. */
  readonly qmpPath: string;
  /** Another monitor, for the test. */
  readonly control: QmpClient;
  /** Socket at which the agent of the guest is to be found. */
  readonly agentPath: string;
  /** What QEMU has said on standard error. */
  readonly log: () => string;
  /** Ends it as a power failure would, or in order. */
  stop(how: "kill" | "quit"): Promise<void>;
}

/** Makes an empty disk. */
export function makeDisk(disk: GuestDisk, size: string): GuestDisk {
  execFileSync("qemu-img", ["create", "-q", "-f", disk.format, disk.path, size]);
  return disk;
}

/** Puts bytes into a disk that no guest uses. */
export function writeDisk({ path, format }: GuestDisk, offset: number, bytes: Uint8Array): void {
  if (format === "raw") {
    const fd = openSync(path, "r+");
    writeSync(fd, bytes, 0, bytes.length, offset);
    closeSync(fd);
    return;
  }
  const piece = `${path}.piece`;
  const fd = openSync(piece, "w");
  writeSync(fd, bytes);
  closeSync(fd);
  const command = `write -s ${piece} ${offset} ${bytes.length}`;
  execFileSync("qemu-io", ["-f", format, "-c", command, path], { stdio: "pipe" });
}

/** Starts a guest whose disks are `vd0`, `vd1` …; it boots from the first. */
export async function startGuest(
  folder: string,
  disks: readonly GuestDisk[],
  extra: readonly string[] = [],
): Promise<QemuGuest> {
  const qmpPath = join(folder, "qmp.sock");
  const controlPath = join(folder, "control.sock");
  const agentPath = join(folder, "agent.sock");
  // A QEMU that was killed leaves its sockets behind.
  for (const path of [qmpPath, controlPath]) rmSync(path, { force: true });
  const child = spawn(
    "qemu-system-x86_64",
    [
      ...["-accel", "tcg", "-machine", "q35", "-m", "64", "-display", "none", "-nodefaults"],
      ...["-device", "pcie-root-port,id=hot,chassis=1"],
      ...["-qmp", `unix:${qmpPath},server=on,wait=off`],
      ...["-qmp", `unix:${controlPath},server=on,wait=off`],
      ...disks.flatMap(({ path, format }, i) => [
        "-blockdev",
        JSON.stringify({
          driver: format,
          "node-name": `disk${i}`,
          file: { driver: "file", filename: path },
        }),
        ...["-device", `virtio-blk-pci,drive=disk${i},id=vd${i},bootindex=${i}`],
      ]),
      ...extra,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (piece: Buffer) => (log += piece.toString()));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const control = await connectWhenReady(controlPath, () => {
    if (hasEnded()) throw new Error(`QEMU ended: ${log}`);
  });
  const stop = async (how: "kill" | "quit"): Promise<void> => {
    if (how === "kill") child.kill("SIGKILL");
    else if (!hasEnded()) await control.execute("quit").catch(() => undefined);
    await eventually(async () => await Promise.resolve(hasEnded()));
    control[Symbol.dispose]();
  };
  return {
    child,
    qmpPath,
    control,
    agentPath,
    log: () => log,
    stop,
    [Symbol.asyncDispose]: async () => {
      if (!hasEnded()) await stop("kill");
    },
  };
}

/** QEMU makes this socket last, and listens a moment after its file is there. */
async function connectWhenReady(path: string, check: () => void): Promise<QmpClient> {
  let client: QmpClient | undefined;
  await eventually(async () => {
    check();
    client = await QmpClient.connect({ path, timeoutMs: 20_000 }).catch(() => undefined);
    return client !== undefined;
  });
  if (!client) throw new Error(`waited in vain for ${path}`);
  return client;
}

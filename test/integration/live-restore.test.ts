import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { QmpClient } from "../../src/client/vm/qmp-client.ts";
import { objects } from "../../src/client/vm/vm-disks.ts";
import { isJsonObject } from "../../src/format/manifest/parse-json.ts";
import {
  amberProgram,
  eventually,
  hasEnded,
  type Run,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { type BreakableProxy, startBreakableProxy } from "../support/breakable-proxy.ts";
import { eventually as eventuallyAsync } from "../support/eventually.ts";
import { prng } from "../support/prng.ts";
import { makeDisk, reasonWithoutQemu, writeDisk } from "../support/qemu-guest.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";
import { checkRecords, oneDiskWriter, writerSector } from "../support/writer-guest.ts";

const MIB = 1024 * 1024;

/** Records after which a guest counts as being at work. */
const SOME_WRITES = 20;

const CHUNK_BYTES = 4 * MIB;

/** Where a chunk begins that is taken away. */
const DAMAGED_OFFSET = 16 * MIB;

/** So slow that a restore does not end before it is ended; what the guest starts with comes at once. */
const SLOWLY = ["--rate", "500KB", "--burst", "8MB"];

interface Guest {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly control: QmpClient;
  readonly log: () => string;
}

describe("amber live-restore", function () {
  this.timeout(180_000);

  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: ServerProcess;
  let proxy: BreakableProxy;
  let env: NodeJS.ProcessEnv;
  let disk: Buffer;
  const qemuPids = new Set<number>();

  before(async function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
    folder = await tempDir();
    server = await startServerProcess(folder.path);
    const [, port = ""] = /:(\d+):store1$/.exec(server.env["PBS_REPOSITORY"] ?? "") ?? [];
    proxy = await startBreakableProxy(Number(port));
    const repository = `admin@pbs@127.0.0.1:${proxy.port}:store1`;
    env = { ...server.env, PBS_REPOSITORY: repository };
    const raw = makeDisk({ path: join(folder.path, "disk.raw"), format: "raw" }, "48M");
    writeDisk(raw, 8 * MIB, prng(3, 24 * MIB));
    writeDisk(raw, 0, writerSector(oneDiskWriter));
    disk = readFileSync(raw.path);
    amber(["backup", "--backup-type", "vm", "--backup-id", "1", `drive-vd0.img:${raw.path}`]);
  });

  afterEach(() => {
    for (const pid of qemuPids) kill(pid);
    qemuPids.clear();
  });

  after(async () => {
    await proxy.close();
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  function amber(args: readonly string[]): Run {
    const run = runAmber(args, server.env);
    if (run.status !== 0 || run.stderr.includes("Error"))
      throw new Error(`amber ${args.join(" ")}: ${String(run.status)} ${run.stderr}`);
    return run;
  }

  /** Starts a restore whose guest runs, and waits until the guest has written something. */
  async function startGuest(
    name: string,
    options: readonly string[],
    snapshot = "vm/1",
  ): Promise<Guest> {
    const target = join(folder.path, `${name}, a disk`);
    const controlPath = join(folder.path, `${name}.sock`);
    const pidFile = join(folder.path, `${name}.pid`);
    const qemu = [
      ...["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-m", "64"],
      ...["-display", "none", "-nodefaults", "-pidfile", pidFile],
      ...["-device", "virtio-blk-pci,drive=drive-vd0,id=vd0,bootindex=0"],
      ...["-qmp", `unix:${controlPath},server=on,wait=off`],
    ];
    const args = ["live-restore", snapshot, target, ...options, "--", ...qemu];
    const child = spawn(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.on("data", (piece: Buffer) => (log += piece.toString()));
    await eventually(() => log.includes("The guest runs") || hasEnded(child), "the guest");
    if (!log.includes("The guest runs")) throw new Error(`the restore ended: ${log}`);
    qemuPids.add(Number(readFileSync(pidFile, "utf8")));
    const control = await QmpClient.connect({ path: controlPath, timeoutMs: 60_000 });
    const guest = { child, folder: target, control, log: () => log };
    await eventuallyAsync(async () => (await writesOf(control)) >= SOME_WRITES);
    return guest;
  }

  async function endGuest({ control }: Pick<Guest, "control">): Promise<void> {
    await control.execute("quit").catch(() => undefined);
    for (const pid of qemuPids) await eventually(() => !existsSync(`/proc/${pid}`), "QEMU's end");
    control[Symbol.dispose]();
  }

  /** Checks that a disk needs no backup any more, and is the one of the backup with what the guest wrote. */
  function expectIndependent(target: string): void {
    const path = join(target, "drive-vd0.qcow2");
    const info = execFileSync("qemu-img", ["info", "--output=json", path]).toString();
    expect(info).to.not.contain("backing");
    const raw = join(target, "restored.raw");
    execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, raw]);
    const image = readFileSync(raw);
    const { newest, wrongBlocks } = checkRecords(image, oneDiskWriter);
    expect(wrongBlocks).to.equal(0);
    expect(newest).to.be.at.least(SOME_WRITES - 1);
    const end = oneDiskWriter.regionOffset + oneDiskWriter.blockCount * 4096;
    for (const [from, to] of [
      [0, oneDiskWriter.regionOffset] as const,
      [end, disk.length] as const,
    ]) {
      const isSame = image.subarray(from, to).equals(disk.subarray(from, to));
      expect(isSame, "the rest is the backup").to.equal(true);
    }
  }

  it("goes on with a guest that ran on while the restore was killed, and lets go of it", async () => {
    const guest = await startGuest("killed", SLOWLY);
    guest.child.kill("SIGKILL");
    await eventually(() => hasEnded(guest.child), "the end of the restore");
    const writes = await writesOf(guest.control);

    amber(["live-restore", "vm/1", guest.folder, "--qmp", join(guest.folder, "qmp.sock")]);
    await eventuallyAsync(async () => (await writesOf(guest.control)) > writes + SOME_WRITES);
    const nodes = objects(
      await guest.control.execute("query-named-block-nodes", { flat: true }),
    ).map(({ drv }) => drv);
    await endGuest(guest);

    expect(nodes).to.have.members(["qcow2", "file"]);
    expectIndependent(guest.folder);
  });

  it("pauses the guest when it is interrupted, and completes its disk also without it", async () => {
    const guest = await startGuest("interrupted", SLOWLY);
    guest.child.kill("SIGTERM");
    await eventually(() => hasEnded(guest.child), "the end of the restore");
    const status = JSON.stringify(await guest.control.execute("query-status"));
    for (const pid of qemuPids) kill(pid);
    for (const pid of qemuPids) await eventually(() => !existsSync(`/proc/${pid}`), "QEMU's end");
    guest.control[Symbol.dispose]();

    const run = amber(["live-restore", "vm/1", guest.folder]);

    expect(guest.child.exitCode).to.equal(143);
    expect(guest.log()).to.contain("the guest is paused until the restore goes on");
    expect(status).to.contain('"paused"');
    expect(run.stderr).to.contain("goes on in");
    expect(run.stdout).to.equal(`${guest.folder}/drive-vd0.qcow2\n`);
    expectIndependent(guest.folder);
  });

  it("lets a paused guest go on, and waits for a server that is gone for a while", async () => {
    const guest = await startGuest("patient", SLOWLY);
    guest.child.kill("SIGINT");
    await eventually(() => hasEnded(guest.child), "the end of the restore");
    const writes = await writesOf(guest.control);
    const monitor = join(guest.folder, "qmp.sock");
    const args = ["live-restore", "vm/1", guest.folder, "--qmp", monitor, ...SLOWLY];
    const again = spawn(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    again.stderr.on("data", (piece: Buffer) => (log += piece.toString()));

    await eventually(() => log.includes("The guest runs"), "the guest");
    proxy.break();
    await eventually(() => log.includes("The server is gone"), "the loss");
    const whileGone = hasEnded(again);
    proxy.mend();
    await eventually(() => log.includes("The server is back"), "the return");
    await eventuallyAsync(async () => (await writesOf(guest.control)) > writes);
    again.kill("SIGTERM");
    await eventually(() => hasEnded(again), "the end of the restore");
    amber(["live-restore", "vm/1", guest.folder, "--qmp", monitor]);
    await endGuest(guest);

    expect(whileGone).to.equal(false);
    expectIndependent(guest.folder);
  });

  it("copies everything but what is damaged, says where that is, and lets the guest run on", async () => {
    const raw = makeDisk({ path: join(folder.path, "damaged.raw"), format: "raw" }, "48M");
    writeDisk(raw, DAMAGED_OFFSET, prng(4, 16 * MIB));
    writeDisk(raw, 0, writerSector(oneDiskWriter));
    const whole = readFileSync(raw.path);
    amber(["backup", "--backup-type", "vm", "--backup-id", "3", `drive-vd0.img:${raw.path}`]);
    const end = DAMAGED_OFFSET + CHUNK_BYTES;
    const digest = createHash("sha256").update(whole.subarray(DAMAGED_OFFSET, end)).digest("hex");
    rmSync(join(folder.path, "store/.chunks", digest.slice(0, 4), digest));

    const guest = await startGuest("damaged", [], "vm/3");
    await eventually(() => hasEnded(guest.child), "the end of the restore");
    const writes = await writesOf(guest.control);
    await eventuallyAsync(async () => (await writesOf(guest.control)) > writes + SOME_WRITES);
    await endGuest(guest);

    expect(guest.child.exitCode).to.equal(1);
    expect(guest.log()).to.contain(`Cannot read bytes ${DAMAGED_OFFSET} to `).and.contain(digest);
    expect(guest.log()).to.not.contain("is paused");
    const path = join(guest.folder, "drive-vd0.qcow2");
    execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", "", path]);
    execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, `${path}.raw`]);
    const copied = readFileSync(`${path}.raw`);
    expect(checkRecords(copied, oneDiskWriter).wrongBlocks).to.equal(0);
    expect(copied.subarray(end).equals(whole.subarray(end)), "behind it").to.equal(true);
    const before = [
      oneDiskWriter.regionOffset + oneDiskWriter.blockCount * 4096,
      DAMAGED_OFFSET,
    ] as const;
    expect(copied.subarray(...before).equals(whole.subarray(...before)), "before it").to.equal(
      true,
    );
  });

  it("ends a program that it has started when it is interrupted before that answers", async () => {
    const pidFile = join(folder.path, "mute.pid");
    const mute = ["sh", "-c", 'echo $$ > "$0.new"; mv "$0.new" "$0"; sleep 1000', pidFile];
    const args = ["live-restore", "vm/1", join(folder.path, "mute"), "--", ...mute];
    const child = spawn(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...env },
      stdio: "ignore",
    });
    await eventually(() => existsSync(pidFile), "the program");
    const pid = Number(readFileSync(pidFile, "utf8"));

    child.kill("SIGINT");
    await eventually(() => hasEnded(child), "the end of the restore");

    expect(child.exitCode).to.equal(130);
    expect(existsSync(`/proc/${pid}`)).to.equal(false);
  });

  it("leaves a file alone that is not the beginning of this restore", () => {
    const target = join(folder.path, "taken");
    const path = join(target, "drive-vd0.qcow2");
    amber(["live-restore", "vm/1", target]);
    const other = join(folder.path, "other.raw");
    writeFileSync(other, Buffer.alloc(MIB, 1));
    amber(["backup", "--backup-type", "vm", "--backup-id", "2", `drive-vd0.img:${other}`]);
    const before = statSync(path);

    const run = runAmber(["live-restore", "vm/2", target], server.env);

    expect(run.status).to.equal(1);
    expect(run.stderr).to.contain('the file is of "drive-vd0.img.fidx" of "vm/1/');
    expect(run.stderr).to.contain('of "vm/2/');
    expect(statSync(path).mtimeMs).to.equal(before.mtimeMs);
  });

  it("says why QEMU does not start", () => {
    const target = join(folder.path, "wrong");
    const qemu = ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none"];
    const wrong = [...qemu, "-device", "virtio-blk-pci,drive=drive-vd9"];

    const run = runAmber(["live-restore", "vm/1", target, "--", ...wrong], server.env);
    const missing = runAmber(["live-restore", "vm/1", target, "--", "/no/qemu"], server.env);

    expect(run.status).to.equal(1);
    expect(run.stderr).to.contain("drive-vd9");
    expect(missing.status).to.equal(1);
    expect(missing.stderr).to.contain('Cannot start "/no/qemu"');
  });
});

async function writesOf(control: QmpClient): Promise<number> {
  const [drive] = objects(await control.execute("query-blockstats"));
  const { stats } = drive ?? {};
  return isJsonObject(stats) ? Number(stats["wr_operations"]) : 0;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import {
  amberProgram,
  eventually,
  hasEnded,
  runAmber,
  type ServerProcess,
  startServerProcess,
} from "../support/amber-program.ts";
import { prng } from "../support/prng.ts";
import { reasonWithoutQemu } from "../support/qemu-guest.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const MIB = 1024 * 1024;

/** A disk of 40 MiB and a bit, with data in its first 9 MiB and near its end. */
function makeDisk(path: string): void {
  const bytes = prng(7, 9 * MIB);
  const file = openSync(path, "w");
  ftruncateSync(file, 40 * MIB + 512);
  writeSync(file, bytes, 0, bytes.length, 0);
  writeSync(file, bytes, 0, 512, 40 * MIB);
  closeSync(file);
}

interface Export {
  readonly child: ChildProcess;
  readonly uri: string;
}

describe("amber nbd-export", function () {
  this.timeout(120_000);

  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: ServerProcess;
  let disk: string;
  let socket: string;

  before(async function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
    folder = await tempDir();
    server = await startServerProcess(folder.path);
    disk = join(folder.path, "disk.raw");
    socket = join(folder.path, "nbd.sock");
    makeDisk(disk);
    const key = join(folder.path, "key.json");
    expect(runAmber(["key", "create", "--kdf", "none", key], server.env).status).to.equal(0);
    const backup = ["backup", "--backup-id", "nbd", "--keyfile", key, `disk.img:${disk}`];
    expect(runAmber(backup, server.env).status).to.equal(0);
  });

  after(async () => {
    await server.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function startExport(): Promise<Export> {
    const key = join(folder.path, "key.json");
    const args = ["nbd-export", "host/nbd", "disk.img", "--socket", socket, "--keyfile", key];
    const child = spawn(process.execPath, [amberProgram, ...args], {
      env: { ...process.env, ...server.env },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let told = "";
    child.stdout.on("data", (piece: Buffer) => (told += piece.toString()));
    await eventually(() => told.endsWith("\n") || hasEnded(child), "the export");
    return { child, uri: told.trim() };
  }

  it("hands QEMU an encrypted image, with its holes, and lets nobody write", async () => {
    const { child, uri } = await startExport();

    const compare = ["compare", "-f", "raw", "-F", "raw", disk, uri];
    const compared = execFileSync("qemu-img", compare).toString();
    const map = ["map", "--output=json", "-f", "raw", uri];
    const extents = JSON.parse(execFileSync("qemu-img", map).toString()) as {
      start: number;
      length: number;
      zero: boolean;
    }[];
    const copy = join(folder.path, "copy.qcow2");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", uri, copy]);
    const write = (): unknown =>
      execFileSync("qemu-io", ["-f", "raw", "-c", "write 0 4k", uri], { stdio: "pipe" });

    expect(uri).to.equal(`nbd+unix:///disk.img?socket=${socket}`);
    expect(compared).to.contain("Images are identical");
    expect(extents.map(({ start, length, zero }) => [start, length, zero])).to.deep.equal([
      [0, 12 * MIB, false],
      [12 * MIB, 28 * MIB, true],
      [40 * MIB, 512, false],
    ]);
    execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "qcow2", disk, copy]);
    expect(write).to.throw();
    child.kill("SIGTERM");
    await eventually(() => hasEnded(child), "the end of the export");
    expect(child.exitCode).to.equal(0);
    expect(existsSync(socket)).to.equal(false);
  });

  it("replaces the socket of one that was killed, and refuses one that is in use", async () => {
    const killed = await startExport();
    killed.child.kill("SIGKILL");
    await eventually(() => hasEnded(killed.child), "its end");

    const again = await startExport();
    const key = join(folder.path, "key.json");
    const args = ["nbd-export", "host/nbd", "disk.img", "--socket", socket, "--keyfile", key];
    const second = runAmber(args, server.env);
    const info = execFileSync("qemu-img", ["info", "--output=json", again.uri]).toString();
    again.child.kill("SIGINT");
    await eventually(() => hasEnded(again.child), "its end");

    expect(second.status).to.equal(1);
    expect(second.stderr).to.contain("a program listens there");
    expect(info).to.contain(`"virtual-size": ${40 * MIB + 512}`);
  });

  it("says which image a snapshot does not have", () => {
    const args = ["nbd-export", "host/nbd", "other.img", "--socket", socket];
    const run = runAmber([...args, "--keyfile", join(folder.path, "key.json")], server.env);

    expect(run.status).to.equal(1);
    expect(run.stderr).to.contain("the snapshot has no such image");
    expect(existsSync(socket)).to.equal(false);
  });
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";

import { expect } from "chai";

import { readMountTable } from "../../src/linux/mount-table.ts";
import { amberProgram, eventually, runAmber } from "../support/amber-program.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { skipBecause } from "../support/skip-because.ts";
import { tempDir } from "../support/temp-dir.ts";

const store = fileURLToPath(new URL("../../fixtures/datastore-real/store", import.meta.url));

interface StartedAhead {
  take(): ChildProcess;
  end(): void;
}

const { startAhead } = (await import(
  pathToFileURL(join(amberProgram, "../start-ahead.js")).href
)) as { startAhead: (argv: readonly string[]) => StartedAhead | undefined };

/** Processes that have a word among their arguments. */
function processesWith(word: string): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(commandOf).filter((command) => command.split("\0").includes(word));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}

function isMounted(point: string): boolean {
  return readMountTable().some(({ mountPoint }) => mountPoint === point);
}

describe("integration/mount-ahead", function () {
  this.timeout(60_000);

  before(function () {
    const reason = reasonWithoutFuse();
    if (reason !== undefined) skipBecause(this, reason);
  });

  it("goes to the background with the process that was started ahead, and no other", async () => {
    await using temp = await tempDir();
    const point = join(temp.path, "mount");
    await mkdir(point);

    const mounting = runAmber(["mount", "--datastore", store, point]);
    const staying = processesWith(point);
    const shown = await readdir(point);
    const unmounting = runAmber(["umount", point]);

    expect([mounting.status, mounting.stderr, unmounting.status]).to.deep.equal([0, "", 0]);
    expect(staying.map((command) => command.includes("--background-child="))).to.deep.equal([true]);
    expect(shown).to.have.members(["ct", "host", "ns"]);
  });

  it("says once what is wrong with the words, and leaves no process behind", async () => {
    await using temp = await tempDir();
    const point = join(temp.path, "nowhere");

    const mounting = runAmber(["mount", "--unheard-of", point]);

    expect(mounting.status).to.equal(1);
    expect(mounting.stderr.match(/unknown option/g)).to.have.length(1);
    await eventually(() => processesWith(point).length === 0, "the end of the process");
  });

  it("mounts nothing when the command is gone before it has said that this is wanted", async () => {
    await using temp = await tempDir();
    const point = join(temp.path, "mount");
    await mkdir(point);
    const words = ["mount", "--background-child=unasked", "--datastore", store, point];
    const child = spawn(process.execPath, [amberProgram, ...words], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });

    child.disconnect();
    const ended = once(child, "exit") as Promise<[number | null]>;
    const [[status], stderr] = await Promise.all([ended, text(child.stderr ?? Readable.from([]))]);

    expect([status, isMounted(point)]).to.deep.equal([1, false]);
    expect(stderr).to.include("the command that started this was ended");
  });

  it("starts nothing under the name of an official program, whose `mount` is another command", () => {
    const started = [
      ["pxar", "mount", "archive", "/mnt"],
      ["proxmox-backup-client", "mount", "host/elsa", "tree.pxar", "/mnt"],
    ].map(([name = "", ...words]) => startAhead([process.execPath, `/usr/bin/${name}`, ...words]));

    expect(started).to.deep.equal([undefined, undefined]);
  });

  it("starts nothing where `mount` does not go to the background by itself", () => {
    const started = [
      ["backup", "mount"],
      ["mount"],
      ["mount", "--foreground", "/mnt"],
      ["mount", "/mnt", "--help"],
      ["mount", "-h"],
      ["mount", "--keyfd", "5", "/mnt"],
      ["mount", "--keyfd=5", "/mnt"],
    ].map((words) => startAhead([process.execPath, amberProgram, ...words]));

    expect(started).to.deep.equal(started.map(() => undefined));
  });

  it("starts nothing when a variable names a descriptor, which would have to be handed over", () => {
    process.env["PBS_PASSWORD_FD"] = "5";
    try {
      expect(startAhead([process.execPath, amberProgram, "mount", "/mnt"])).to.equal(undefined);
    } finally {
      delete process.env["PBS_PASSWORD_FD"];
    }
  });

  it("ends what it has started when nobody has taken it, and nothing else", async () => {
    await using temp = await tempDir();
    const argv = [process.execPath, amberProgram, "mount", join(temp.path, "mount")];
    const left = startAhead(argv);
    const taken = startAhead(argv);
    const child = taken?.take();

    left?.end();
    taken?.end();
    await eventually(() => processesWith(argv[3] ?? "").length === 1, "the end of the other");

    expect(child?.exitCode).to.equal(null);
    expect(child?.kill("SIGKILL")).to.equal(true);
    if (child) await once(child, "exit");
  });
});

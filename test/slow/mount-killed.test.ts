import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { cleanStaleMount } from "../../src/fs/clean-stale-mount.ts";
import { readMountTable } from "../../src/linux/mount-table.ts";
import { reasonWithoutFuse } from "../support/fuse-here.ts";
import { prng } from "../support/prng.ts";
import { skipBecause } from "../support/skip-because.ts";

const ROUNDS = Number(process.env["AMBER_SOAK_ROUNDS"] ?? 10);
const SEED = Number(process.env["AMBER_SOAK_SEED"] ?? 20_261_120);
/** A process that has not ended this long after it was killed, or after its mount was, hangs. */
const HANG_MS = 30_000;

const users: readonly (readonly string[])[] = [
  ["find", ".", "-printf", "%s"],
  ["cat", "pattern.bin", "sparse.bin"],
  ["cat", "never.bin"],
  ["cat", "delayed.bin"],
  ["sh", "-c", "cd deep/a && while ls ../.. && cat b/file; do :; done"],
  ["grep", "-r", "x", "many"],
];

describe("slow/mount-killed", function () {
  this.timeout(ROUNDS * 30_000);

  it(`leaves no process hanging and nothing mounted in ${ROUNDS} rounds (seed ${SEED})`, async function () {
    const reason = reasonWithoutFuse();
    if (reason !== undefined) {
      skipBecause(this, reason);
    }
    const directory = await mkdtemp(join(tmpdir(), "amber-soak-"));
    const chance = prng(SEED, ROUNDS * 4);
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const [delay = 0, skipsWaiting = 0, mode = 0] = chance.subarray(round * 4);
        const mounter = startMounter(directory);
        // One in eight is killed while it mounts.
        if (skipsWaiting % 8 !== 0) expect(await firstLine(mounter)).to.equal("mounted");
        const readers = users.map(([program = "", ...args]) =>
          spawn(program, args, { cwd: directory, stdio: "ignore" }),
        );
        await new Promise((resolve) => setTimeout(resolve, delay * 2));

        mounter.kill(mode % 4 === 0 ? "SIGTERM" : "SIGKILL");
        await endsInTime(mounter, "the mounting process");
        for (const [i, reader] of readers.entries()) {
          // What loops for ever or waits on the bare directory is killed; a killed process must end.
          reader.kill("SIGKILL");
          await endsInTime(reader, String(users[i]));
        }
      }
      await cleanStaleMount(directory);
    } finally {
      const left = readMountTable().filter(({ mountPoint }) => mountPoint === directory);
      expect(left).to.deep.equal([]);
      await rm(directory, { recursive: true });
    }
  });
});

function startMounter(directory: string): ChildProcess {
  const script = new URL("../support/mount-child.ts", import.meta.url).pathname;
  return spawn(process.execPath, ["--import", "tsx", script, "fuse", directory], {
    stdio: ["pipe", "pipe", "ignore"],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return chunk.toString().trim();
}

async function endsInTime(child: ChildProcess, what: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} hangs`));
    }, HANG_MS);
  });
  await Promise.race([once(child, "exit"), late]);
  clearTimeout(timer);
}

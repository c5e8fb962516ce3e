/**
 * Question: how do memory and time of a backup grow with the number of files?
 *
 * Usage: `npm run --silent build && npx tsx bench/many-files.ts 100000 1000000`. Makes trees of small files, 200 to a
 * directory, in a tmpfs of its own (root; about 1 GiB of memory for a million), backs each up twice with a server of its own, and prints the
 * client's peak memory and CPU seconds; at the end the exponents k of the power laws that fit: CPU ~ files^k. Wall-clock time is of
 * the machine as it is.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

import { amberProgram, startServerProcess } from "../test/support/amber-program.ts";
import { slope } from "../test/support/growth.ts";

const FILES_PER_FOLDER = 200;

function makeTree(root: string, fileCount: number): void {
  for (let folder = 0; folder < fileCount / FILES_PER_FOLDER; folder++) {
    const path = join(root, String(folder % 97).padStart(2, "0"), String(folder).padStart(6, "0"));
    mkdirSync(path, { recursive: true });
    for (let i = 0; i < FILES_PER_FOLDER; i++) {
      const fd = openSync(join(path, `file-${String(i).padStart(4, "0")}.txt`), "w");
      if (i % 10 === 0) writeSync(fd, `${folder} ${i}`);
      closeSync(fd);
    }
  }
}

interface Cost {
  readonly wallSec: number;
  readonly userSec: number;
  readonly systemSec: number;
  readonly peakMib: number;
}

function backup(tree: string, env: NodeJS.ProcessEnv, report: string): Cost {
  const time = ["-o", report, "-f", "%e %U %S %M"];
  const args = ["backup", `tree.pxar:${tree}`, "--backup-id", "many"];
  const run = spawnSync("/usr/bin/time", [...time, process.execPath, amberProgram, ...args], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const [wallSec = 0, userSec = 0, systemSec = 0, kib = 0] = readFileSync(report, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  return { wallSec, userSec, systemSec, peakMib: kib / 1024 };
}

const counts = process.argv.slice(2).map(Number);
const growth = new Map<string, [number, number][]>();
for (const count of counts.length > 0 ? counts : [100_000, 1_000_000]) {
  const home = mkdtempSync("/dev/shm/amber-many-");
  const tree = join(home, "tree");
  mkdirSync(tree);
  // One of its own, because of the bound on inodes.
  execFileSync("mount", ["-t", "tmpfs", "-o", "nr_inodes=0,size=8g", "amber-many", tree]);
  try {
    makeTree(tree, count);
    const server = await startServerProcess(home);
    for (const what of ["first", "unchanged"]) {
      await new Promise((wake) => setTimeout(wake, 1100)); // Snapshots are named by the second.
      const { wallSec, userSec, systemSec, peakMib } = backup(tree, server.env, join(home, "time"));
      console.log(
        `${count} files, ${what}: ${wallSec} s, ${userSec} s user, ${systemSec} s system, peak ${peakMib.toFixed(0)} MiB`,
      );
      growth.set(what, [...(growth.get(what) ?? []), [count, userSec + systemSec]]);
    }
    await server.stop();
  } finally {
    execFileSync("umount", [tree]);
    rmSync(home, { recursive: true });
  }
}
for (const [what, points] of growth) {
  if (points.length < 2) continue;
  const exponent = slope(
    points.map(([count]) => Math.log(count)),
    points.map(([, cpu]) => Math.log(cpu)),
  );
  console.log(`${what}: CPU ~ files^${exponent.toFixed(2)}`);
}

/**
 * Question: how do memory and time of a backup grow with the number of files?
 *
 * Usage: `npm run --silent build && npx tsx bench/many-files.ts 100000 1000000`. Makes trees of small files, 200 to a
 * directory, below `/dev/shm` (about 0.4 GiB of inodes for a million), backs each up twice with a server of its own, and prints the
 * client's peak memory and CPU seconds. Wall-clock time is of the machine as it is.
 */
import { spawnSync } from "node:child_process";
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

function backup(tree: string, env: NodeJS.ProcessEnv, report: string): string {
  const time = ["-o", report, "-f", "%e s, %U s user, %S s system, peak %M KiB"];
  const args = ["backup", `tree.pxar:${tree}`, "--backup-id", "many"];
  const run = spawnSync("/usr/bin/time", [...time, process.execPath, amberProgram, ...args], {
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return readFileSync(report, "utf8").trim();
}

const counts = process.argv.slice(2).map(Number);
for (const count of counts.length > 0 ? counts : [100_000, 1_000_000]) {
  const home = mkdtempSync("/dev/shm/amber-many-");
  try {
    const tree = join(home, "tree");
    makeTree(tree, count);
    const server = await startServerProcess(home);
    for (const what of ["first", "unchanged"]) {
      await new Promise((wake) => setTimeout(wake, 1100)); // Snapshots are named by the second.
      console.log(`${count} files, ${what}: ${backup(tree, server.env, join(home, "time"))}`);
    }
    await server.stop();
  } finally {
    rmSync(home, { recursive: true });
  }
}

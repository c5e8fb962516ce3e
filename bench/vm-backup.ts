import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { runAmber, startServerProcess } from "../test/support/amber-program.ts";
import { makeDisk, startGuest, writeDisk } from "../test/support/qemu-guest.ts";

// How much is read, sent and waited for when 64 MiB of an 8 GiB disk have changed? `tsx bench/vm-backup.ts`, after a build.

const MIB = 1024 * 1024;
const BASE_MIB = 512;
const DIRTY_MIB = 64;

const folder = mkdtempSync("/var/tmp/amber-bench-vm-");
const server = await startServerProcess(folder);
const disk = makeDisk({ path: join(folder, "a.qcow2"), format: "qcow2" }, "8G");
const second = makeDisk({ path: join(folder, "b.qcow2"), format: "qcow2" }, "1G");
for (let at = 0; at < BASE_MIB; at += 64) writeDisk(disk, at * MIB, randomBytes(64 * MIB));
const guest = await startGuest(folder, [disk, second]);
try {
  for (const [i, what] of ["first", "unchanged", "dirty"].entries()) {
    if (what === "dirty") {
      const device = "/machine/peripheral/vd0/virtio-backend";
      for (let at = 0; at < DIRTY_MIB; at += 1) {
        const command = `qemu-io -d ${device} "write -P ${1 + (at % 250)} ${1024 + at}M 1M"`;
        await guest.control.execute("human-monitor-command", { "command-line": command });
      }
    }
    const args = ["--qmp", guest.qmpPath, "--backup-id", "100", "--fleecing", folder];
    const time = ["--backup-time", String(1_717_545_600 + i), "--output-format", "json"];
    const run = runAmber(["backup-vm", ...args, ...time], server.env);
    console.log(what, run.status, run.stderr);
    for (const line of run.stdout.split("\n")) {
      if (/archive-uploaded|finished|Point in time/.test(line)) console.log(`  ${line}`);
    }
  }
} finally {
  await guest.stop("quit");
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { clientOf } from "../support/client-of-server.ts";
import { makeDisk, startGuest, writeDisk } from "../support/qemu-guest.ts";
import { startTestServer } from "../support/test-server.ts";
import { VmLab } from "../support/vm-lab.ts";
import { checkRecords, RECORD_BYTES, writerSector } from "../support/writer-guest.ts";

// Backs up a guest that writes all the time, again and again: `tsx test/slow/vm-soak.ts [ROUNDS]`. Its first disk is an ext4 file
// system, in whose blocks of one file it writes records; every restored one has to pass fsck and hold exactly a prefix of them.

const BLOCK_COUNT = 4096;
const rounds = Number(process.argv[2] ?? 60);

const folder = mkdtempSync("/var/tmp/amber-vm-soak-");
mkdirSync(join(folder, "tree"));
writeFileSync(join(folder, "tree/records"), Buffer.alloc(2 * BLOCK_COUNT * RECORD_BYTES, 1));
const raw = makeDisk({ path: join(folder, "a.raw"), format: "raw" }, "256M");
execFileSync("mke2fs", ["-q", "-t", "ext4", "-b", "4096", "-d", join(folder, "tree"), raw.path]);
const blocks = execFileSync("debugfs", ["-R", "blocks /records", raw.path], { stdio: "pipe" })
  .toString()
  .trim()
  .split(/\s+/)
  .map(Number);
const start = blocks.findIndex(
  (block, i) => blocks[i + BLOCK_COUNT - 1] === block + BLOCK_COUNT - 1,
);
const regionOffset = (blocks[start] ?? 0) * RECORD_BYTES;
const writer = { regionOffset, blockCount: BLOCK_COUNT, diskCount: 2, waitUs: 100 };
// ext4 leaves the first 1024 bytes to whoever boots from it.
writeDisk(raw, 0, writerSector(writer));
writeDisk(raw, regionOffset, Buffer.alloc(BLOCK_COUNT * RECORD_BYTES));
const a = makeDisk({ path: join(folder, "a.qcow2"), format: "qcow2" }, "256M");
execFileSync("qemu-img", ["convert", "-O", "qcow2", "-f", "raw", raw.path, a.path]);
const b = makeDisk({ path: join(folder, "b.raw"), format: "raw" }, "256M");

let wrong = 0;
await using server = await startTestServer();
using client = await clientOf(server, folder);
await using lab = new VmLab(client, folder);
await using guest = await startGuest(folder, [a, b]);
for (let round = 1; round <= rounds; round++) {
  const backup = await lab.backUp(guest.qmpPath);
  const first = checkRecords(await lab.restored(backup, "drive-vd0.img"), writer);
  execFileSync("e2fsck", ["-fn", join(folder, "restored-drive-vd0.img")], { stdio: "pipe" });
  const second = checkRecords(await lab.restored(backup, "drive-vd1.img"), writer);
  const isRight =
    first.wrongBlocks + second.wrongBlocks === 0 && [0, 1].includes(first.newest - second.newest);
  if (!isRight) wrong += 1;
  const pause = `${(backup.cut?.pausedMs ?? 0).toFixed(1)} ms`;
  console.log(round, isRight ? "exact" : "WRONG", first, second, backup.readBytes, pause);
}
rmSync(folder, { recursive: true, force: true });
console.log(`${rounds} rounds, ${wrong} wrong`);
if (wrong > 0) process.exitCode = 1;

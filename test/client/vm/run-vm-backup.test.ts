import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { leftInGuest } from "../../support/left-in-guest.ts";
import {
  type GuestDisk,
  makeDisk,
  reasonWithoutQemu,
  startGuest,
  writeDisk,
} from "../../support/qemu-guest.ts";
import { skipBecause } from "../../support/skip-because.ts";
import { startVmLab } from "../../support/vm-lab-place.ts";
import { checkRecords, type WriterOptions, writerSector } from "../../support/writer-guest.ts";

const MIB = 1024 * 1024;

const writer: WriterOptions = {
  regionOffset: 3 * MIB,
  blockCount: 512,
  diskCount: 2,
  waitUs: 100,
};

/** A qcow2 disk that boots the writer, and a raw one that gets its records too. */
function makeWriterDisks(folder: string): readonly GuestDisk[] {
  const disks = [
    makeDisk({ path: join(folder, "a.qcow2"), format: "qcow2" }, "32M"),
    makeDisk({ path: join(folder, "b.raw"), format: "raw" }, "16M"),
  ] as const;
  writeDisk(disks[0], 0, writerSector(writer));
  return disks;
}

describe("client/vm/run-vm-backup", function () {
  this.timeout(300_000);

  before(function () {
    const reason = reasonWithoutQemu();
    if (reason !== undefined) skipBecause(this, reason);
  });

  it("stores all disks as they were at one moment, again and again while the guest writes", async () => {
    await using place = await startVmLab();
    const { folder, lab } = place;
    await using guest = await startGuest(folder, makeWriterDisks(folder));

    const rounds = [];
    for (let round = 0; round < 20; round++) {
      const backup = await lab.backUp(guest.qmpPath);
      const a = checkRecords(await lab.restored(backup, "drive-vd0.img"), writer);
      const b = checkRecords(await lab.restored(backup, "drive-vd1.img"), writer);
      rounds.push({ backup, a, b });
    }

    for (const { a, b } of rounds) {
      expect([a.wrongBlocks, b.wrongBlocks]).to.deep.equal([0, 0]);
      expect(a.newest - b.newest).to.be.within(0, 1);
    }
    const newest = rounds.map(({ a }) => a.newest);
    expect(newest).to.deep.equal([...newest].sort((x, y) => x - y));
    expect(newest.at(-1)).to.be.greaterThan(newest[0] ?? 0);
    for (const { backup } of rounds.slice(1)) {
      expect(backup.readBytes["drive-vd0"]).to.be.at.most(writer.blockCount * 4096 + 6 * MIB);
      expect(backup.readBytes["drive-vd1"]).to.be.at.most(writer.blockCount * 4096 + 6 * MIB);
    }
    expect(await leftInGuest(guest)).to.deep.equal([]);
    const files = await readdir(folder);
    expect(files.filter((name) => name.startsWith("amber-fleecing"))).to.deep.equal([]);
  });
});

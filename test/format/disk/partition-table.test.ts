import { expect } from "chai";

import { type ReadDisk, readPartitions } from "../../../src/format/disk/partition-table.ts";
import { rejection } from "../../support/rejection.ts";

const SECTOR = 512;

function diskOf(sectors: number, write: (disk: Buffer) => void): ReadDisk {
  const disk = Buffer.alloc(sectors * SECTOR);
  write(disk);
  return async (offset, size) => await Promise.resolve(disk.subarray(offset, offset + size));
}

/** Writes an entry of an MBR or of the table of a logical partition. */
function mbrEntry(
  disk: Buffer,
  place: { readonly sector: number; readonly entry: number },
  entry: { readonly type: number; readonly start: number; readonly count: number },
): void {
  const at = place.sector * SECTOR + 446 + place.entry * 16;
  disk.writeUInt8(entry.type, at + 4);
  disk.writeUInt32LE(entry.start, at + 8);
  disk.writeUInt32LE(entry.count, at + 12);
  disk.writeUInt16LE(0xaa55, place.sector * SECTOR + 510);
}

function gpt(entryCount: number): ReadDisk {
  return diskOf(40, (disk) => {
    mbrEntry(disk, { sector: 0, entry: 0 }, { type: 0xee, start: 1, count: 39 });
    disk.write("EFI PART", SECTOR, "latin1");
    disk.writeBigUInt64LE(2n, SECTOR + 72);
    disk.writeUInt32LE(entryCount, SECTOR + 80);
    disk.writeUInt32LE(128, SECTOR + 84);
    for (const [i, first] of [
      [0, 20n],
      [2, 30n],
    ] as const) {
      const at = 2 * SECTOR + i * 128;
      disk.fill(7, at, at + 16);
      disk.writeBigUInt64LE(first, at + 32);
      disk.writeBigUInt64LE(first + 4n, at + 40);
    }
  });
}

describe("format/disk/partition-table", () => {
  it("finds no partition where there is no table", async () => {
    const found = await readPartitions(diskOf(4, () => undefined));

    expect(found).to.deep.equal([]);
  });

  it("reads primary and logical partitions of an MBR, and numbers them as Linux does", async () => {
    const read = diskOf(64, (disk) => {
      mbrEntry(disk, { sector: 0, entry: 0 }, { type: 0x83, start: 2, count: 8 });
      mbrEntry(disk, { sector: 0, entry: 1 }, { type: 0x05, start: 16, count: 40 });
      mbrEntry(disk, { sector: 16, entry: 0 }, { type: 0x83, start: 1, count: 4 });
      mbrEntry(disk, { sector: 16, entry: 1 }, { type: 0x05, start: 8, count: 8 });
      mbrEntry(disk, { sector: 24, entry: 0 }, { type: 0x83, start: 1, count: 3 });
    });

    const found = await readPartitions(read);

    expect(found).to.deep.equal([
      { number: 1, offset: 2 * SECTOR, size: 8 * SECTOR },
      { number: 5, offset: 17 * SECTOR, size: 4 * SECTOR },
      { number: 6, offset: 25 * SECTOR, size: 3 * SECTOR },
    ]);
  });

  it("ends where a chain of logical partitions goes round in circles", async () => {
    const read = diskOf(64, (disk) => {
      mbrEntry(disk, { sector: 0, entry: 0 }, { type: 0x05, start: 16, count: 40 });
      mbrEntry(disk, { sector: 16, entry: 1 }, { type: 0x05, start: 0, count: 8 });
    });

    expect(await readPartitions(read)).to.deep.equal([]);
  });

  it("reads the entries of a GPT that are in use", async () => {
    const found = await readPartitions(gpt(4));

    expect(found).to.deep.equal([
      { number: 1, offset: 20 * SECTOR, size: 5 * SECTOR },
      { number: 3, offset: 30 * SECTOR, size: 5 * SECTOR },
    ]);
  });

  it("refuses a GPT with more entries than any tool makes", async () => {
    const error = await rejection(readPartitions(gpt(100_000)));

    expect(error).to.have.property("code", "FORMAT_OUT_OF_RANGE");
  });
});

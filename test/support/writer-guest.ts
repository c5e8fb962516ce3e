/** Bytes of a block that the guest writes. */
export const RECORD_BYTES = 4096;

/** How a {@link writerSector} writes. */
export interface WriterOptions {
  /** Bytes in front of the region that it writes to; a multiple of 512. */
  readonly regionOffset: number;
  /** Blocks of the region: a power of two. */
  readonly blockCount: number;
  /** Disks that get every record, one after the other. */
  readonly diskCount: number;
  /** Pause after a record. */
  readonly waitUs: number;
}

/** Writes to 1 MiB of one disk, behind the first 3, as fast as an emulated machine can. */
export const oneDiskWriter: WriterOptions = {
  regionOffset: 3 * 1024 * 1024,
  blockCount: 256,
  diskCount: 1,
  waitUs: 100,
};

/**
 * A boot sector whose program writes numbered records to the first disks of the BIOS, until the power button is pressed.
 *
 * Record i = 1, 2, 3 … fills the block `((i * 0x9e3779b1 mod 2³²) >> 12) & (blockCount - 1)` of the region of each disk with
 * i as 32-bit words. So an image is a point in time exactly when replaying 1 … (the largest record in it) gives the region;
 * and of two disks the second is at the same record or one behind. The program, in AT&T syntax:
 *
 * ```
 * _start: xor %ax,%ax; mov %ax,%ds; mov %ax,%es; mov %ax,%ss; mov $0x7c00,%sp; cld; sti
 *         mov $0x602,%dx; mov $0x100,%ax; out %ax,%dx             # PM1_EN: power button
 * again:  mov $0x600,%dx; in %dx,%ax; test $1,%ah; jnz off         # PM1_STS
 *         incl record; mov record,%eax; mov $0x8000,%di; mov $1024,%cx; rep stosl
 *         mov record,%eax; imul $0x9e3779b1,%eax,%eax; shr $12,%eax; and mask,%eax
 *         shl $3,%eax; add first,%eax; mov %eax,lba; mov $0x80,%dl
 * next:   movw $8,count; push %dx; mov $packet,%si; mov $0x4300,%ax; int $0x13; pop %dx; jc next
 *         inc %dl; cmp last,%dl; jne next
 *         mov $0x86,%ah; mov wait+2,%cx; mov wait,%dx; int $0x15; jmp again
 * off:    mov $0x604,%dx; mov $0x2000,%ax; out %ax,%dx; hlt; jmp off   # PM1_CNT: S5
 *         record at 0x1d0, packet (10 00 count 0000:8000 lba) at 0x1d4, first 0x1f0, mask 0x1f4, wait 0x1f8, last 0x1fc
 * ```
 */
export function writerSector(options: WriterOptions): Uint8Array {
  const sector = Buffer.alloc(512);
  Buffer.from(PROGRAM, "hex").copy(sector);
  Buffer.from("1000080000800000", "hex").copy(sector, 0x1d4);
  sector.writeUInt32LE(options.regionOffset / 512, 0x1f0);
  sector.writeUInt32LE(options.blockCount - 1, 0x1f4);
  sector.writeUInt32LE(options.waitUs, 0x1f8);
  sector.writeUInt8(0x80 + options.diskCount, 0x1fc);
  sector.writeUInt16LE(0xaa55, 0x1fe);
  return sector;
}

const PROGRAM =
  "31c08ed88ec08ed0bc007cfcfbba0206b80001efba0006edf6c401755d66ff06d07d66a1d07dbf0080b9000466f3ab" +
  "66a1d07d6669c0b179379e66c1e80c662306f47d66c1e003660306f07d66a3dc7db280c706d67d080052bed47d" +
  "b80043cd135a72eefec23a16fc7d75e6b4868b0efa7d8b16f87dcd15eb9aba0406b80020eff4ebf6";

/** What {@link checkRecords} found. */
export interface RecordCheck {
  /** The newest record. */
  readonly newest: number;
  /** Blocks that are not what the records up to the newest would have made of them. */
  readonly wrongBlocks: number;
}

/** Compares the region of an image with what its records must have made of it. */
export function checkRecords(
  image: Uint8Array,
  { regionOffset, blockCount }: Pick<WriterOptions, "regionOffset" | "blockCount">,
): RecordCheck {
  const region = image.subarray(regionOffset, regionOffset + blockCount * RECORD_BYTES);
  const words = new Uint32Array(new Uint8Array(region).buffer);
  const perBlock = RECORD_BYTES / 4;
  const found = Array.from({ length: blockCount }, (_none, i) => words[i * perBlock] ?? 0);
  const newest = found.reduce((most, record) => Math.max(most, record), 0);
  const expected = new Uint32Array(blockCount);
  for (let record = 1; record <= newest; record++) {
    expected[(Math.imul(record, 0x9e3779b1) >>> 12) & (blockCount - 1)] = record;
  }
  let wrongBlocks = 0;
  for (let block = 0; block < blockCount; block++) {
    const start = block * perBlock;
    const isRight = words
      .subarray(start, start + perBlock)
      .every((word) => word === (expected[block] ?? 0));
    if (!isRight) wrongBlocks += 1;
  }
  return { newest, wrongBlocks };
}

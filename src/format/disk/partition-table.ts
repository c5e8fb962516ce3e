import { FormatError } from "../format-error.ts";

/** A partition of a disk. */
export interface Partition {
  /** As Linux counts them: 1 is the first of the table, 5 the first logical one of an MBR. */
  readonly number: number;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Reads bytes of the disk; fewer only at its end. */
export type ReadDisk = (offset: number, size: number) => Promise<Uint8Array>;

const SECTOR_BYTES = 512;
const MBR_TABLE = 446;
const MBR_ENTRY_BYTES = 16;
const MBR_SIGNATURE = 0xaa55;

/** Types of MBR entries that hold a table of logical partitions, and the one that says that a GPT counts. */
const extendedTypes: readonly number[] = [0x05, 0x0f, 0x85];
const GPT_PROTECTIVE = 0xee;

/** Logical partitions that are looked for; ours. */
const LOGICAL_MAX = 128;

/** Bounds of a GPT: more than any tool makes. */
const GPT_ENTRIES_MAX = 1024;
const GPT_ENTRY_BYTES_MAX = 4096;

/**
 * Reads the partition table of a disk: GPT, or MBR with logical partitions.
 *
 * @returns In the order of the table; nothing for a disk without one, such as a file system on the whole of it.
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE` for a table that cannot be.
 * @see UEFI specification 2.10, chapter 5
 */
export async function readPartitions(read: ReadDisk): Promise<readonly Partition[]> {
  const sector = await read(0, SECTOR_BYTES);
  const entries = mbrEntries(sector);
  if (!entries) return [];
  if (entries.some(({ type }) => type === GPT_PROTECTIVE)) return await readGpt(read);
  const primary = entries
    .map((entry, i) => ({ ...entry, number: i + 1 }))
    .filter(({ type, size }) => type !== 0 && size > 0);
  const extended = primary.find(({ type }) => extendedTypes.includes(type));
  const plain = primary.filter(({ type }) => !extendedTypes.includes(type));
  const logical = extended ? await readLogical(read, extended.offset) : [];
  return [...plain, ...logical].map(({ number, offset, size }) => ({ number, offset, size }));
}

interface MbrEntry {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
}

/** The four entries of a table; `undefined` when there is none, as in the first sector of a FAT file system. */
function mbrEntries(sector: Uint8Array): readonly MbrEntry[] | undefined {
  if (sector.length < SECTOR_BYTES) return undefined;
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length);
  if (view.getUint16(SECTOR_BYTES - 2, true) !== MBR_SIGNATURE) return undefined;
  const starts = [0, 1, 2, 3].map((i) => MBR_TABLE + i * MBR_ENTRY_BYTES);
  // Boot sectors of file systems have code there: an entry begins with 0x00 or 0x80.
  if (starts.some((at) => (view.getUint8(at) & 0x7f) !== 0)) return undefined;
  return starts.map((at) => ({
    type: view.getUint8(at + 4),
    offset: view.getUint32(at + 8, true) * SECTOR_BYTES,
    size: view.getUint32(at + 12, true) * SECTOR_BYTES,
  }));
}

/** Each logical partition has a table with itself and the way to the next. */
async function readLogical(read: ReadDisk, base: number): Promise<readonly Partition[]> {
  const found: Partition[] = [];
  let at = base;
  for (let i = 0; i < LOGICAL_MAX; i++) {
    const [own, next] = mbrEntries(await read(at, SECTOR_BYTES)) ?? [];
    if (own && own.type !== 0 && own.size > 0) {
      found.push({ number: 5 + found.length, offset: at + own.offset, size: own.size });
    }
    if (!next || !extendedTypes.includes(next.type)) return found;
    at = base + next.offset;
  }
  return found;
}

async function readGpt(read: ReadDisk): Promise<readonly Partition[]> {
  const header = await read(SECTOR_BYTES, SECTOR_BYTES);
  const isGpt = String.fromCharCode(...header.subarray(0, 8)) === "EFI PART";
  if (!isGpt || header.length < SECTOR_BYTES) return [];
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  const start = safeBytes(view.getBigUint64(72, true));
  const count = view.getUint32(80, true);
  const entryBytes = view.getUint32(84, true);
  if (count > GPT_ENTRIES_MAX || entryBytes < 128 || entryBytes > GPT_ENTRY_BYTES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "partition table", `${count} entries`);
  }
  const table = await read(start, count * entryBytes);
  const found: Partition[] = [];
  for (let i = 0; i < count; i++) {
    const entry = table.subarray(i * entryBytes, (i + 1) * entryBytes);
    if (entry.length < entryBytes || entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const fields = new DataView(entry.buffer, entry.byteOffset, entry.length);
    const offset = safeBytes(fields.getBigUint64(32, true));
    const end = safeBytes(fields.getBigUint64(40, true) + 1n);
    if (end > offset) found.push({ number: i + 1, offset, size: end - offset });
  }
  return found;
}

function safeBytes(sectors: bigint): number {
  const bytes = sectors * BigInt(SECTOR_BYTES);
  if (bytes <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(bytes);
  throw new FormatError("FORMAT_OUT_OF_RANGE", "partition table", `sector ${sectors}`);
}

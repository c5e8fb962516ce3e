import { ByteWriter } from "../../format/bytes/byte-writer.ts";
import { residentBytes } from "../../format/bytes/resident-source.ts";
import { ArchiveWindow } from "../../format/pxar/archive-window.ts";
import { NO_XATTRS, type PxarMetadata } from "../../format/pxar/metadata.ts";
import { parseMetadata } from "../../format/pxar/metadata-parser.ts";
import { writeMetadata } from "../../format/pxar/write-metadata.ts";
import { type FileStatus } from "../../linux/file-status.ts";
import { plainMetadata } from "../source/metadata.ts";
import { type TreePath } from "../source/tree-path.ts";
import { type SourceEntry } from "../source/walk-tree.ts";

/** What a record says; `leave` has nothing but its head. */
export const RECORD_KIND = { enter: 1, leave: 2, visit: 3 } as const;

/** Bytes of the record that ends a directory. */
export const LEAVE_RECORD_BYTES = 8;

/*
 * Layout, in the byte order of DataView calls below; records begin at multiples of 8:
 * kind u8, unused u8, name size u16, record size u32, metadata size u32, target size u32, status; name, target, metadata.
 */
const STATUS_AT = 16;
const NAME_AT = STATUS_AT + 88;

const NOTHING = new Uint8Array(0);

/** An entry on its way into a record. */
export interface EntryToRecord {
  readonly kind: (typeof RECORD_KIND)["enter" | "visit"];
  readonly entry: SourceEntry;
  /** Attributes as an archive stores them; empty when the status says it all. Owned. */
  readonly metadata: Uint8Array;
  /** Bytes of the record. */
  readonly size: number;
}

/** Prepares the record of an entry. */
export function entryToRecord(kind: EntryToRecord["kind"], entry: SourceEntry): EntryToRecord {
  const metadata = isPlain(entry.metadata) ? NOTHING : encoded(entry.metadata);
  const size = NAME_AT + entry.name.length + entry.target.length + metadata.length;
  return { kind, entry, metadata, size: (size + 7) & ~7 };
}

/** Bytes that records are written to or read from, in two views of the same memory. */
export interface RecordMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Writes a record that begins at `at`. */
export function writeEntryRecord(
  { bytes, view }: RecordMemory,
  at: number,
  record: EntryToRecord,
): void {
  const { name, target, status } = record.entry;
  view.setUint8(at, record.kind);
  view.setUint16(at + 2, name.length);
  view.setUint32(at + 4, record.size);
  view.setUint32(at + 8, record.metadata.length);
  view.setUint32(at + 12, target.length);
  writeStatus(view, at + STATUS_AT, status);
  let end = at + NAME_AT;
  bytes.set(name, end);
  end += name.length;
  if (target.length > 0) bytes.set(target, end);
  end += target.length;
  if (record.metadata.length > 0) bytes.set(record.metadata, end);
}

/** Writes the record that ends a directory. */
export function writeLeaveRecord({ view }: RecordMemory, at: number): void {
  view.setUint8(at, RECORD_KIND.leave);
  view.setUint32(at + 4, LEAVE_RECORD_BYTES);
}

/** Kind of the record at `at`, one of {@link RECORD_KIND}. */
export function recordKindAt({ view }: RecordMemory, at: number): number {
  return view.getUint8(at);
}

/** Bytes of the record at `at`. */
export function recordSizeAt({ view }: RecordMemory, at: number): number {
  return view.getUint32(at + 4);
}

/** The entry of the record at `at`; its names are views of the memory. */
export function readEntryRecord(
  { bytes, view }: RecordMemory,
  at: number,
  directory: TreePath,
): SourceEntry {
  const nameEnd = at + NAME_AT + view.getUint16(at + 2);
  const metadataSize = view.getUint32(at + 8);
  const targetSize = view.getUint32(at + 12);
  const status = readStatus(view, at + STATUS_AT);
  const targetEnd = nameEnd + targetSize;
  return {
    directory,
    name: bytes.subarray(at + NAME_AT, nameEnd),
    status,
    metadata:
      metadataSize === 0
        ? plainMetadata(status)
        : decoded(bytes.subarray(targetEnd, targetEnd + metadataSize)),
    target: targetSize === 0 ? NOTHING : bytes.subarray(nameEnd, targetEnd),
  };
}

function writeStatus(view: DataView, at: number, status: FileStatus): void {
  view.setUint32(at, status.mode);
  view.setUint32(at + 4, status.linkCount);
  view.setUint32(at + 8, status.uid);
  view.setUint32(at + 12, status.gid);
  view.setUint32(at + 16, status.mtimeNsec);
  view.setUint32(at + 20, status.ctimeNsec);
  view.setUint32(at + 24, status.attributes);
  view.setUint32(at + 28, status.deviceMajor);
  view.setUint32(at + 32, status.deviceMinor);
  view.setFloat64(at + 40, status.size);
  view.setFloat64(at + 48, status.storedSize);
  view.setFloat64(at + 56, status.mtimeSec);
  view.setFloat64(at + 64, status.ctimeSec);
  view.setFloat64(at + 72, status.device);
  view.setBigUint64(at + 80, status.inode);
}

function readStatus(view: DataView, at: number): FileStatus {
  return {
    attributes: view.getUint32(at + 24),
    linkCount: view.getUint32(at + 4),
    uid: view.getUint32(at + 8),
    gid: view.getUint32(at + 12),
    mode: view.getUint32(at),
    inode: view.getBigUint64(at + 80),
    size: view.getFloat64(at + 40),
    storedSize: view.getFloat64(at + 48),
    ctimeSec: view.getFloat64(at + 64),
    ctimeNsec: view.getUint32(at + 20),
    mtimeSec: view.getFloat64(at + 56),
    mtimeNsec: view.getUint32(at + 16),
    deviceMajor: view.getUint32(at + 28),
    deviceMinor: view.getUint32(at + 32),
    device: view.getFloat64(at + 72),
  };
}

/** Whether `plainMetadata` of the status gives the same again. */
function isPlain(metadata: PxarMetadata): boolean {
  return (
    metadata.flags === 0 &&
    metadata.xattrs === NO_XATTRS &&
    metadata.acl === undefined &&
    metadata.fcaps === undefined &&
    metadata.quotaProjectId === undefined
  );
}

function encoded(metadata: PxarMetadata): Uint8Array {
  const writer = new ByteWriter();
  writeMetadata(writer, metadata);
  return writer.take();
}

function decoded(bytes: Uint8Array): PxarMetadata {
  return parseMetadata(new ArchiveWindow(residentBytes(bytes)), 0).metadata;
}

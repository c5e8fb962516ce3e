import { ByteReader } from "../bytes/byte-reader.ts";
import { toHex } from "../bytes/hex.ts";
import { type ResidentSource } from "../bytes/resident-source.ts";
import { FormatError } from "../format-error.ts";
import { CATALOG_DIRECTORY_BYTES_MAX } from "../limits.ts";
import {
  bareEntryBytes,
  type BareEntryKind,
  bareEntryKinds,
  CATALOG_MAGIC,
  type CatalogEntry,
  DIRECTORY_BYTE,
  FILE_BYTE,
  isCatalogName,
} from "./catalog-entry.ts";
import { readSvarint, readVarint, VARINT_BYTES } from "./varint.ts";

const WHAT = "catalogue";
const MAGIC_BYTES = 8;
const TAIL_BYTES = 8;

const bareKindByByte: ReadonlyMap<number, BareEntryKind> = new Map(
  bareEntryKinds.map((kind) => [bareEntryBytes[kind], kind]),
);

/**
 * Reads directories of a catalogue, each on its own.
 *
 * Every method is synchronous and restartable: it throws `NotResident` when the source does. A sub-directory's block
 * always stands before its parent's, so there are no cycles; two entries may name the same block, which makes no
 * difference to a reader but can make a hostile tree as a whole very large.
 *
 * @see spec catalog.md §1
 */
export class CatalogReader {
  readonly #source: ResidentSource;

  constructor(source: ResidentSource) {
    this.#source = source;
  }

  /**
   * Where the root's block stands; its entries are the archives.
   *
   * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_BAD_MAGIC`, `FORMAT_OUT_OF_RANGE`.
   */
  root(): number {
    if (this.#source.size < MAGIC_BYTES + TAIL_BYTES) {
      throw new FormatError("FORMAT_TRUNCATED", WHAT);
    }
    if (toHex(this.#source.read(0, MAGIC_BYTES)) !== CATALOG_MAGIC) {
      throw new FormatError("FORMAT_BAD_MAGIC", WHAT);
    }
    const tail = this.#source.read(this.#blocksEnd(), TAIL_BYTES);
    const start = new ByteReader(tail, WHAT).readSize();
    this.#checkStart(start);
    return start;
  }

  /**
   * Reads the directory whose block stands at `start`; names are owned.
   *
   * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_OUT_OF_RANGE`, `FORMAT_INVALID`.
   */
  readDirectory(start: number): CatalogEntry[] {
    this.#checkStart(start);
    const room = this.#blocksEnd() - start;
    const head = new ByteReader(this.#source.read(start, Math.min(VARINT_BYTES, room)), WHAT);
    const tableBytes = readVarint(head);
    if (tableBytes > CATALOG_DIRECTORY_BYTES_MAX) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `a directory of ${tableBytes} bytes`);
    }
    if (tableBytes > room - head.offset) {
      throw new FormatError("FORMAT_TRUNCATED", WHAT, "a directory ends behind the catalogue");
    }
    const table = new ByteReader(this.#source.read(start + head.offset, tableBytes), WHAT);
    const count = readVarint(table);
    const entries: CatalogEntry[] = [];
    for (let i = 0; i < count; i++) entries.push(readEntry(table, start));
    if (table.remaining > 0) {
      throw new FormatError("FORMAT_INVALID", WHAT, `${table.remaining} bytes behind the entries`);
    }
    return entries;
  }

  /**
   * Follows names from the root; the first one is that of an archive.
   *
   * @returns `undefined` when a name is not there, or is not a directory where one is needed.
   * @throws {FormatError} As {@link root} and {@link readDirectory}.
   */
  find(path: readonly Uint8Array[]): CatalogEntry | undefined {
    let entry: CatalogEntry | undefined;
    let start: number | undefined = this.root();
    for (const name of path) {
      if (start === undefined) return undefined;
      entry = this.readDirectory(start).find((other) => isEqual(other.name, name));
      start = entry?.kind === "directory" ? entry.start : undefined;
    }
    return entry;
  }

  #blocksEnd(): number {
    return this.#source.size - TAIL_BYTES;
  }

  #checkStart(start: number): void {
    if (start < MAGIC_BYTES || start >= this.#blocksEnd()) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `a directory at offset ${start}`);
    }
  }
}

function readEntry(table: ByteReader, blockStart: number): CatalogEntry {
  const type = table.readU8();
  const name = table.readBytes(readVarint(table)).slice();
  if (!isCatalogName(name)) {
    throw new FormatError("FORMAT_INVALID", WHAT, "a name is not one path component");
  }
  if (type === DIRECTORY_BYTE) {
    const distance = readVarint(table);
    if (distance === 0 || distance > blockStart - MAGIC_BYTES) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `a directory ${distance} bytes before`);
    }
    return { kind: "directory", name, start: blockStart - distance };
  }
  if (type === FILE_BYTE) {
    const size = readVarint(table);
    return { kind: "file", name, size, mtimeSec: readSvarint(table) };
  }
  const kind = bareKindByByte.get(type);
  if (kind === undefined) throw new FormatError("FORMAT_INVALID", WHAT, `entry type ${type}`);
  return { kind, name };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

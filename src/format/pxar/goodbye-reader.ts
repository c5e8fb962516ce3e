import { type ResidentSource } from "../bytes/resident-source.ts";
import { FormatError } from "../format-error.ts";
import { PXAR_DIRECTORY_ENTRIES_MAX } from "../limits.ts";
import { GOODBYE_ROW_BYTES, ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import { type PxarDirectory } from "./node.ts";

/** Bytes read at the end of a directory: the whole table of a directory of up to 169 entries. */
const TAIL_WINDOW_BYTES = 4096;

/** Rows of a goodbye table in archive order. */
export interface GoodbyeRowsByOffset {
  readonly length: number;
  /** Archive offset of the FILENAME item of entry `i`; for `i` = length, that of the goodbye table. */
  offset(i: number): number;
  /** Bytes of entry `i` as the table says, for files of split archives possibly too many. */
  size(i: number): number;
}

/** The goodbye table of one directory, in memory or, when it is large, read row by row. */
export class GoodbyeTable {
  /** Archive offset of the GOODBYE item. */
  readonly goodbyeOffset: number;
  readonly rowCount: number;
  readonly #source: ResidentSource;
  /** All rows, or undefined when they are read one by one. */
  readonly #rows: DataView | undefined;

  constructor(
    source: ResidentSource,
    place: { readonly goodbyeOffset: number; readonly rowCount: number },
    rows: DataView | undefined,
  ) {
    this.#source = source;
    this.goodbyeOffset = place.goodbyeOffset;
    this.rowCount = place.rowCount;
    this.#rows = rows;
  }

  /** Negative, zero or positive as the hash of row `i` is below, equal to or above the given one. */
  compareHash(i: number, high: number, low: number): number {
    const { view, at } = this.#row(i);
    return view.getUint32(at + 4, true) - high || view.getUint32(at, true) - low;
  }

  /** Archive offset of the FILENAME item of row `i`. */
  nameOffset(i: number): number {
    const distance = this.#rows
      ? sizeAt(this.#rows, GOODBYE_ROW_BYTES * i + 8)
      : this.#readSize(i, 8);
    if (distance > this.goodbyeOffset) throw badTable(this.goodbyeOffset);
    return this.goodbyeOffset - distance;
  }

  /** Bytes of the entry of row `i` as the table says. */
  entrySize(i: number): number {
    return this.#rows ? sizeAt(this.#rows, GOODBYE_ROW_BYTES * i + 16) : this.#readSize(i, 16);
  }

  /** The row of the entry that an archive offset lies in, if there is one. */
  rowAround(offset: number): number | undefined {
    for (let i = 0; i < this.rowCount; i++) {
      const start = this.nameOffset(i);
      if (offset >= start && offset < start + this.entrySize(i)) return i;
    }
    return undefined;
  }

  /** All rows in archive order; the table must be in memory. */
  rowsByOffset(): GoodbyeRowsByOffset {
    const count = this.rowCount;
    const end = this.goodbyeOffset;
    const offsets = new Float64Array(count);
    for (let i = 0; i < count; i++) offsets[i] = this.nameOffset(i);
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) order[i] = i;
    order.sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
    return {
      length: count,
      offset: (i) => (i < count ? (offsets[order[i] ?? 0] ?? 0) : end),
      size: (i) => this.entrySize(order[i] ?? 0),
    };
  }

  #readSize(i: number, offset: number): number {
    const { view, at } = this.#row(i);
    return sizeAt(view, at + offset);
  }

  #row(i: number): { readonly view: DataView; readonly at: number } {
    if (this.#rows) return { view: this.#rows, at: GOODBYE_ROW_BYTES * i };
    const offset = this.goodbyeOffset + ITEM_HEADER_BYTES + GOODBYE_ROW_BYTES * i;
    return { view: viewOf(this.#source.read(offset, GOODBYE_ROW_BYTES)), at: 0 };
  }
}

/**
 * Finds the goodbye table of a directory from its end (spec pxar.md §6).
 *
 * @param wholeBytesMax Tables up to this size are read whole, larger ones row by row as they are asked for.
 * @throws {FormatError} When the tail, the item and the directory do not fit each other.
 */
export function openGoodbyeTable(
  source: ResidentSource,
  directory: PxarDirectory,
  wholeBytesMax: number,
): GoodbyeTable {
  const { end, contentOffset, entryOffset } = directory;
  const room = end - contentOffset;
  if (room < ITEM_HEADER_BYTES + GOODBYE_ROW_BYTES || end > source.size) throw badTable(end);
  const tailSize = Math.min(room, TAIL_WINDOW_BYTES);
  const tail = viewOf(source.read(end - tailSize, tailSize));
  const at = tailSize - GOODBYE_ROW_BYTES;
  const fullSize = sizeAt(tail, at + 16);
  const goodbyeOffset = end - fullSize;
  const rowsSize = fullSize - ITEM_HEADER_BYTES - GOODBYE_ROW_BYTES;
  const fits =
    tail.getInt32(at, true) === pxarItems.GOODBYE_TAIL_MARKER.low &&
    tail.getInt32(at + 4, true) === pxarItems.GOODBYE_TAIL_MARKER.high &&
    fullSize <= room &&
    rowsSize >= 0 &&
    rowsSize % GOODBYE_ROW_BYTES === 0 &&
    goodbyeOffset - sizeAt(tail, at + 8) === entryOffset;
  if (!fits) throw badTable(goodbyeOffset);
  const place = { goodbyeOffset, rowCount: rowsSize / GOODBYE_ROW_BYTES };
  if (place.rowCount > PXAR_DIRECTORY_ENTRIES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", "too many entries in a directory");
  }
  const isWhole = fullSize <= wholeBytesMax;
  const headSize = isWhole ? fullSize : ITEM_HEADER_BYTES;
  // The table outlives this read, while others follow: it is copied.
  const bytes =
    fullSize <= tailSize
      ? copyOf(tail, tailSize - fullSize, fullSize)
      : source.read(goodbyeOffset, headSize).slice();
  const view = viewOf(bytes);
  if (
    view.getInt32(0, true) !== pxarItems.GOODBYE.low ||
    view.getInt32(4, true) !== pxarItems.GOODBYE.high ||
    sizeAt(view, 8) !== fullSize
  ) {
    throw badTable(goodbyeOffset);
  }
  if (!isWhole) return new GoodbyeTable(source, place, undefined);
  return new GoodbyeTable(
    source,
    place,
    new DataView(view.buffer, view.byteOffset + ITEM_HEADER_BYTES, rowsSize),
  );
}

/**
 * Offset of the ENTRY item of the directory that ends at `end`, as its goodbye tail says.
 *
 * @throws {FormatError} When there is no tail.
 */
export function entryOffsetOfEnd(source: ResidentSource, end: number): number {
  if (end < GOODBYE_ROW_BYTES || end > source.size) throw badTable(end);
  const tail = viewOf(source.read(end - GOODBYE_ROW_BYTES, GOODBYE_ROW_BYTES));
  const entryOffset = end - sizeAt(tail, 16) - sizeAt(tail, 8);
  const isTail =
    tail.getInt32(0, true) === pxarItems.GOODBYE_TAIL_MARKER.low &&
    tail.getInt32(4, true) === pxarItems.GOODBYE_TAIL_MARKER.high;
  if (!isTail || entryOffset < 0) throw badTable(end);
  return entryOffset;
}

function copyOf(view: DataView, offset: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + offset, size).slice();
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sizeAt(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  if (high > 0x1f_ffff) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", "pxar archive", "a number in a goodbye table");
  }
  return high * 0x1_0000_0000 + view.getUint32(at, true);
}

function badTable(offset: number): FormatError {
  return new FormatError(
    "FORMAT_INVALID",
    "pxar archive",
    `no goodbye table that fits its directory at offset ${offset}`,
  );
}

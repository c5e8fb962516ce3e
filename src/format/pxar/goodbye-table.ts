import { type ByteWriter } from "../bytes/byte-writer.ts";
import { GOODBYE_ROW_BYTES, ITEM_HEADER_BYTES, pxarItems } from "./item.ts";

/** Up to this many rows, a high half and a row number fit into one number: 2^32 · 2^20 is below 2^53. */
const KEYED_ROWS_MAX = 2 ** 20;

/**
 * Rows of the goodbye tables of all directories that are open in an encoder.
 *
 * Directories nest, and a directory's own row joins its parent's table only when it ends, so one stack of columns
 * serves all of them: the innermost directory owns the rows from its first one to the top. A row costs 24 bytes.
 */
export class GoodbyeRows {
  #hashLow = new Uint32Array(1024);
  #hashHigh = new Uint32Array(1024);
  #offset = new Float64Array(1024);
  #size = new Float64Array(1024);
  #count = 0;

  /** Rows on the stack; what a directory must remember when it starts. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a row to the innermost directory.
   *
   * @param hash Low and high half, as `filenameHash` leaves them; borrowed.
   * @param offset Archive offset of the entry's FILENAME item.
   * @param size Bytes from there to the end of the entry.
   */
  push(hash: Uint32Array, offset: number, size: number): void {
    if (this.#count === this.#offset.length) this.#grow();
    const i = this.#count++;
    this.#hashLow[i] = hash[0] ?? 0;
    this.#hashHigh[i] = hash[1] ?? 0;
    this.#offset[i] = offset;
    this.#size[i] = size;
  }

  /**
   * Writes the GOODBYE item of the innermost directory and takes its rows off the stack.
   *
   * @param first Value of {@link count} when the directory started.
   * @param goodbyeOffset Archive offset at which the item will lie.
   * @param entryOffset Archive offset of the directory's ENTRY item; 0 for the root (spec pxar.md §5).
   */
  writeTable(
    writer: ByteWriter,
    first: number,
    {
      goodbyeOffset,
      entryOffset,
    }: { readonly goodbyeOffset: number; readonly entryOffset: number },
  ): void {
    const rowCount = this.#count - first;
    const fullSize = ITEM_HEADER_BYTES + GOODBYE_ROW_BYTES * (rowCount + 1);
    writer.writeU32(pxarItems.GOODBYE.low >>> 0);
    writer.writeU32(pxarItems.GOODBYE.high >>> 0);
    writer.writeSize(fullSize);
    const sorted = this.#sorted(first, rowCount);
    const order = searchTreeOrder(rowCount);
    for (let i = 0; i < rowCount; i++) {
      const row = sorted[order[i] ?? 0] ?? 0;
      writer.writeU32(this.#hashLow[row] ?? 0);
      writer.writeU32(this.#hashHigh[row] ?? 0);
      writer.writeSize(goodbyeOffset - (this.#offset[row] ?? 0));
      writer.writeSize(this.#size[row] ?? 0);
    }
    writer.writeU32(pxarItems.GOODBYE_TAIL_MARKER.low >>> 0);
    writer.writeU32(pxarItems.GOODBYE_TAIL_MARKER.high >>> 0);
    writer.writeSize(goodbyeOffset - entryOffset);
    writer.writeSize(fullSize);
    this.#count = first;
  }

  /** Row numbers by ascending hash; rows of equal hash stay in archive order. */
  #sorted(first: number, rowCount: number): Uint32Array {
    const low = this.#hashLow;
    const high = this.#hashHigh;
    const rows = new Uint32Array(rowCount);
    if (rowCount > KEYED_ROWS_MAX) {
      for (let i = 0; i < rowCount; i++) rows[i] = first + i;
      return rows.sort(
        (a, b) => (high[a] ?? 0) - (high[b] ?? 0) || (low[a] ?? 0) - (low[b] ?? 0) || a - b,
      );
    }
    // Sorting plain numbers takes a quarter of the time of sorting with a function: high halves with the row behind them.
    const keys = new Float64Array(rowCount);
    for (let i = 0; i < rowCount; i++) keys[i] = (high[first + i] ?? 0) * KEYED_ROWS_MAX + i;
    keys.sort();
    for (let i = 0; i < rowCount; i++) rows[i] = first + ((keys[i] ?? 0) % KEYED_ROWS_MAX);
    // Equal high halves are rare; such rows stand beside each other in archive order.
    for (let i = 1; i < rowCount; i++) {
      const row = rows[i] ?? 0;
      let at = i;
      for (; at > 0; at--) {
        const before = rows[at - 1] ?? 0;
        if (high[before] !== high[row] || (low[before] ?? 0) <= (low[row] ?? 0)) break;
        rows[at] = before;
      }
      rows[at] = row;
    }
    return rows;
  }

  #grow(): void {
    const capacity = this.#offset.length * 2;
    this.#hashLow = grown(this.#hashLow, new Uint32Array(capacity));
    this.#hashHigh = grown(this.#hashHigh, new Uint32Array(capacity));
    this.#offset = grown(this.#offset, new Float64Array(capacity));
    this.#size = grown(this.#size, new Float64Array(capacity));
  }
}

function grown<Column extends Uint32Array | Float64Array>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}

/**
 * The order of a goodbye table: table position `i` holds the row that is at `result[i]` when sorted by hash.
 *
 * The table is a complete binary search tree laid out as an array (children of `i` at `2i+1` and `2i+2`), so visiting
 * the tree in order visits the rows in sorted order: that is how it is filled here. For 5 rows: 3 1 4 0 2
 * (spec pxar.md §5.2).
 */
export function searchTreeOrder(rowCount: number): Uint32Array {
  const order = new Uint32Array(rowCount);
  // Start at the leftmost node; the successor is the leftmost of the right subtree, else the first ancestor of which
  // this is in the left subtree.
  let at = 0;
  while (2 * at + 1 < rowCount) at = 2 * at + 1;
  for (let rank = 0; rank < rowCount; rank++) {
    order[at] = rank;
    if (2 * at + 2 < rowCount) {
      at = 2 * at + 2;
      while (2 * at + 1 < rowCount) at = 2 * at + 1;
    } else {
      while (at > 0 && at % 2 === 0) at = at / 2 - 1; // Right children have even numbers.
      at = (at - 1) / 2;
    }
  }
  return order;
}

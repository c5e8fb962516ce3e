import { type ResidentSource } from "../bytes/resident-source.ts";
import { FormatError } from "../format-error.ts";
import { ArchiveWindow } from "./archive-window.ts";
import { invalidArchive, parseEntry, parseOwnEntry } from "./entry-parser.ts";
import { filenameHash } from "./filename-hash.ts";
import {
  entryOffsetOfEnd,
  type GoodbyeRowsByOffset,
  type GoodbyeTable,
  openGoodbyeTable,
} from "./goodbye-reader.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import { sameBytes } from "./metadata.ts";
import { type PxarDirectory, type PxarFile, type PxarHardLink, type PxarNode } from "./node.ts";

/** Most bytes of consecutive small entries that are read at once when a directory is listed. */
const LISTING_WINDOW_BYTES = 64 * 1024;

/** Bytes read of an entry that may be large: a directory, or a file with its content in place. */
const ENTRY_WINDOW_BYTES = 4096;

/** Largest goodbye table that a lookup reads whole; in a larger one it reads the rows on its way. */
const LOOKUP_TABLE_BYTES_MAX = 64 * 1024;

/** What precedes the root directory. */
export interface PxarHeader {
  /** 1: content of files lies in the archive; 2: it lies in a payload archive. */
  readonly version: 1 | 2;
  /** Content of the PRELUDE item, if there is one; owned. */
  readonly prelude: Uint8Array | undefined;
}

/**
 * Random access to the tree in an archive: in a whole one, or in the metadata archive of a split one
 * (spec pxar.md §6).
 *
 * Never reads content of files. Every method is restartable: `NotResident` of the source passes through, and
 * calling again is all there is to do. Nodes are plain values that own their bytes; nothing is remembered
 * between calls but the root. Bytes are hostile: every offset is checked to lie inside the directory it was found in, so
 * there are no cycles, and siblings do not overlap.
 */
export class PxarTree {
  readonly #source: ResidentSource;
  readonly #window: ArchiveWindow;
  readonly #hash = new Uint32Array(2);
  #header: PxarHeader | undefined;
  #root: PxarDirectory | undefined;

  /** Reads nothing yet. */
  constructor(archive: ResidentSource) {
    this.#source = archive;
    this.#window = new ArchiveWindow(archive);
  }

  /**
   * Version and prelude.
   *
   * @throws {FormatError} For anything but an archive of version 1 or 2.
   */
  header(): PxarHeader {
    return this.#header ?? this.#open().header;
  }

  /** The root directory; its name is empty. */
  root(): PxarDirectory {
    return this.#root ?? this.#open().root;
  }

  /**
   * Entries of a directory in archive order.
   *
   * @throws {FormatError} Also when entries overlap or lie outside the directory.
   */
  children(directory: PxarDirectory): PxarNode[] {
    const listing = this.list(directory);
    const nodes: PxarNode[] = [];
    for (let batch = listing.next(); batch; batch = listing.next()) nodes.push(...batch);
    return nodes;
  }

  /**
   * The same in pieces, for directories whose entries are too far apart to have all of them in memory at once.
   *
   * @throws {FormatError} As {@link children}, when the piece is read.
   */
  list(directory: PxarDirectory): PxarListing {
    const split = this.header().version === 2;
    return new PxarListing(this.#window, { directory, split, table: this.#openTable(directory) });
  }

  /**
   * The entry with this name in a directory, `undefined` when there is none.
   *
   * Walks the goodbye table as the search tree it is; entries of equal hash are told apart by name.
   */
  lookup(directory: PxarDirectory, name: Uint8Array): PxarNode | undefined {
    const split = this.header().version === 2;
    const table = this.#openTable(directory, LOOKUP_TABLE_BYTES_MAX);
    filenameHash(name, this.#hash);
    const low = this.#hash[0] ?? 0;
    const high = this.#hash[1] ?? 0;
    const pending = [0];
    for (let i = pending.pop(); i !== undefined; i = pending.pop()) {
      if (i >= table.rowCount) continue;
      const order = table.compareHash(i, high, low);
      if (order === 0) {
        const node = this.#entryOfRow(directory, table, { row: i, split });
        if (sameBytes(node.name, name)) return node;
        pending.push(2 * i + 2, 2 * i + 1);
      } else {
        pending.push(order < 0 ? 2 * i + 2 : 2 * i + 1);
      }
    }
    return undefined;
  }

  /** The entry of a directory that an archive offset lies in, `undefined` when there is none. */
  entryAround(directory: PxarDirectory, offset: number): PxarNode | undefined {
    const table = this.#openTable(directory);
    const row = table.rowAround(offset);
    const split = this.header().version === 2;
    return row === undefined ? undefined : this.#entryOfRow(directory, table, { row, split });
  }

  /**
   * The regular file that a hard link names.
   *
   * @throws {FormatError} When there is anything else at its offset.
   */
  resolveHardLink(link: PxarHardLink): PxarFile {
    return this.fileAt(link.targetNameOffset, link.nameOffset);
  }

  /**
   * The regular file whose FILENAME item is at `nameOffset`.
   *
   * @param limit Offset that its entry does not reach beyond; the end of the archive when omitted.
   * @throws {FormatError} When there is anything else.
   */
  fileAt(nameOffset: number, limit: number = this.#source.size): PxarFile {
    const node = this.nodeAt(nameOffset, limit);
    if (node.kind !== "file") throw invalidArchive(nameOffset, `a ${node.kind} instead of a file`);
    return node;
  }

  /**
   * The entry whose FILENAME item is at `nameOffset`, an offset that came from a node of this archive; 0 is the root.
   *
   * The `end` of a directory that is not the root is not known here: it is 0.
   */
  nodeAt(nameOffset: number, limit: number = this.#source.size): PxarNode {
    if (nameOffset === 0) return this.root();
    const split = this.header().version === 2;
    this.#window.clear(limit);
    return parseEntry(this.#window, nameOffset, split);
  }

  /**
   * The directory that ends at `end`, an offset that came from a node of this archive.
   *
   * Needs nothing but the offset, so a directory can be found again by one number. Its name is not known here: it is
   * empty, and `nameOffset` is 0.
   *
   * @throws {FormatError} When no directory ends there.
   */
  directoryAt(end: number): PxarDirectory {
    const root = this.root();
    if (end === root.end) return root;
    const entryOffset = entryOffsetOfEnd(this.#source, end);
    this.#window.clear(end);
    const node = parseOwnEntry(this.#window, entryOffset, {
      name: root.name,
      nameOffset: 0,
      split: this.header().version === 2,
    });
    if (node.kind !== "directory") throw invalidArchive(entryOffset, `a ${node.kind}`);
    return { ...node, end };
  }

  #open(): { readonly header: PxarHeader; readonly root: PxarDirectory } {
    const window = this.#window;
    const size = this.#source.size;
    window.clear(size);
    const { header, end } = parseHeader(window);
    const root = parseOwnEntry(window, end, {
      name: new Uint8Array(0),
      nameOffset: 0,
      split: header.version === 2,
    });
    if (root.kind !== "directory") throw invalidArchive(end, "a root that is not a directory");
    this.#header = header;
    this.#root = { ...root, entryOffset: 0, end: size };
    return { header, root: this.#root };
  }

  #openTable(directory: PxarDirectory, wholeBytesMax = Number.POSITIVE_INFINITY): GoodbyeTable {
    return openGoodbyeTable(this.#source, directory, wholeBytesMax);
  }

  #entryOfRow(
    directory: PxarDirectory,
    table: GoodbyeTable,
    { row, split }: { readonly row: number; readonly split: boolean },
  ): PxarNode {
    const nameOffset = table.nameOffset(row);
    const end = nameOffset + table.entrySize(row);
    if (nameOffset < directory.contentOffset) {
      throw invalidArchive(nameOffset, "an entry outside its directory");
    }
    this.#window.clear(Math.min(end, table.goodbyeOffset));
    const node = withEnd(parseEntry(this.#window, nameOffset, split), end);
    if (node.end > table.goodbyeOffset) {
      throw invalidArchive(nameOffset, "an entry longer than its directory");
    }
    return node;
  }
}

/** Decodes FORMAT_VERSION and PRELUDE, if they are there. */
export function parseHeader(window: ArchiveWindow): {
  readonly header: PxarHeader;
  readonly end: number;
} {
  if (!window.isType(0, pxarItems.FORMAT_VERSION)) {
    return { header: { version: 1, prelude: undefined }, end: 0 };
  }
  let end = window.itemEnd(0, pxarItems.FORMAT_VERSION);
  const version = window.u64(ITEM_HEADER_BYTES);
  if (version !== 1n && version !== 2n) {
    throw new FormatError("FORMAT_UNSUPPORTED", "pxar archive", `version ${version.toString()}`);
  }
  let prelude: Uint8Array | undefined;
  if (window.isType(end, pxarItems.PRELUDE)) {
    const content = end + ITEM_HEADER_BYTES;
    end = window.itemEnd(end, pxarItems.PRELUDE);
    prelude = window.copy(content, end - content);
  }
  return { header: { version: version === 2n ? 2 : 1, prelude }, end };
}

/**
 * Checks the header of a PAYLOAD item that an entry of a split archive refers to (spec pxar.md §3.12).
 *
 * @param header Borrowed; the 16 bytes at `PxarPayloadPlace.headerOffset` of the payload archive.
 * @throws {FormatError} `FORMAT_INVALID` when they are not the header of a PAYLOAD with this much content.
 */
export function checkPayloadHeader(header: Uint8Array, size: number): void {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const isPayload =
    header.length >= ITEM_HEADER_BYTES &&
    view.getInt32(0, true) === pxarItems.PAYLOAD.low &&
    view.getInt32(4, true) === pxarItems.PAYLOAD.high &&
    view.getUint32(12, true) * 0x1_0000_0000 + view.getUint32(8, true) === size + ITEM_HEADER_BYTES;
  if (!isPayload) {
    throw new FormatError("FORMAT_INVALID", "pxar payload", "no header of this content");
  }
}

/**
 * Reads the entries of one directory piece by piece, in archive order.
 *
 * Restartable, and goes on where it was: a piece that `NotResident` interrupted is read by calling {@link next} again.
 */
export class PxarListing {
  readonly #window: ArchiveWindow;
  readonly #directory: PxarDirectory;
  readonly #split: boolean;
  readonly #goodbyeOffset: number;
  readonly #rows: GoodbyeRowsByOffset;
  #row = 0;
  #previousEnd: number;

  /** Called by {@link PxarTree.list}. */
  constructor(
    window: ArchiveWindow,
    {
      directory,
      split,
      table,
    }: {
      readonly directory: PxarDirectory;
      readonly split: boolean;
      readonly table: GoodbyeTable;
    },
  ) {
    this.#window = window;
    this.#directory = directory;
    this.#split = split;
    this.#goodbyeOffset = table.goodbyeOffset;
    this.#rows = table.rowsByOffset();
    this.#previousEnd = directory.contentOffset;
  }

  /** The directory that is listed. */
  get directory(): PxarDirectory {
    return this.#directory;
  }

  /** Archive offsets of entries that {@link next} has not got to, in order, at most `countMax`. */
  upcoming(countMax: number): number[] {
    const count = Math.min(countMax, this.#rows.length - this.#row);
    return Array.from({ length: Math.max(0, count) }, (_, i) => this.#rows.offset(this.#row + i));
  }

  /** The next entries, at least one; `undefined` behind the last. */
  next(): PxarNode[] | undefined {
    const rows = this.#rows;
    let row = this.#row;
    if (row >= rows.length) return undefined;
    const window = this.#window;
    const { end, endRow } = listingStep(rows, row);
    window.clear(this.#goodbyeOffset);
    window.load(rows.offset(row), end);
    const nodes: PxarNode[] = [];
    let previousEnd = this.#previousEnd;
    for (; row < endRow; row++) {
      const nameOffset = rows.offset(row);
      if (nameOffset < previousEnd) throw invalidArchive(nameOffset, "overlapping entries");
      const statedEnd = nameOffset + rows.size(row);
      const bound = Math.min(statedEnd, rows.offset(row + 1));
      window.limit = bound;
      const node = withEnd(parseEntry(window, nameOffset, this.#split), statedEnd);
      if (node.end > bound) throw invalidArchive(nameOffset, "an entry longer than its place");
      previousEnd = node.end;
      nodes.push(node);
    }
    this.#row = row;
    this.#previousEnd = previousEnd;
    return nodes;
  }
}

/** What a listing reads at once from row `first` on: small entries that follow closely, or the head of a large one. */
function listingStep(
  rows: GoodbyeRowsByOffset,
  first: number,
): { readonly end: number; readonly endRow: number } {
  const start = rows.offset(first);
  let end = start;
  for (let i = first; i < rows.length; i++) {
    const offset = rows.offset(i);
    const bound = Math.min(offset + rows.size(i), rows.offset(i + 1));
    const isLarge = bound - offset > ENTRY_WINDOW_BYTES;
    const wanted = isLarge ? offset + ENTRY_WINDOW_BYTES : bound;
    if (i > first && wanted - start > LISTING_WINDOW_BYTES) return { end, endRow: i };
    end = wanted;
    if (isLarge) return { end, endRow: i + 1 };
  }
  return { end, endRow: rows.length };
}

function withEnd(node: PxarNode, end: number): PxarNode {
  return node.kind === "directory" ? { ...node, end } : node;
}

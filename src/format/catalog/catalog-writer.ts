import { type ByteSink } from "../bytes/byte-sink.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { fromHex } from "../bytes/hex.ts";
import {
  type BareEntryKind,
  bareEntryBytes,
  CATALOG_MAGIC,
  DIRECTORY_BYTE,
  FILE_BYTE,
  isCatalogName,
} from "./catalog-entry.ts";
import { writeSvarint, writeVarint } from "./varint.ts";

/** A directory whose entries are still coming. */
interface OpenDirectory {
  readonly name: Uint8Array;
  /** All entries but for the distances, which depend on where this directory's block will stand. */
  readonly entries: ByteWriter;
  /** Blocks of its sub-directories, and where in {@link entries} the distance to each belongs. */
  readonly children: { readonly gap: number; readonly start: number }[];
  count: number;
}

/**
 * Writes a catalogue front to back while a tree is walked: every directory's block follows those of its
 * sub-directories.
 *
 * Memory is the entries of the directories that are open, a path's worth of them.
 *
 * @see spec catalog.md §1, §4
 */
export class CatalogWriter {
  readonly #sink: ByteSink;
  readonly #origin: number;
  readonly #open: OpenDirectory[];
  readonly #block = new ByteWriter();

  /**
   * Writes the magic number and opens the root, whose entries are the archives.
   *
   * @param sink Where the catalogue goes; offsets count from its present position.
   */
  constructor(sink: ByteSink) {
    this.#sink = sink;
    this.#origin = sink.position;
    this.#open = [openDirectory(new Uint8Array(0))];
    sink.write(fromHex(CATALOG_MAGIC));
  }

  /** Opens a directory, or on the first level an archive, within the one that is open. */
  startDirectory(name: Uint8Array): void {
    checkName(name);
    this.#open.push(openDirectory(name.slice()));
  }

  /** Adds a regular file with its content's size and its time in seconds since the epoch. */
  addFile(name: Uint8Array, size: number, mtimeSec: bigint): void {
    const entries = this.#addName(FILE_BYTE, name);
    writeVarint(entries, size);
    writeSvarint(entries, mtimeSec);
  }

  /** Adds anything that has only a name. */
  addBare(name: Uint8Array, kind: BareEntryKind): void {
    this.#addName(bareEntryBytes[kind], name);
  }

  /** Closes the directory that is open and writes its block. */
  endDirectory(): void {
    if (this.#open.length < 2) throw new TypeError("no directory is open");
    const { name, start } = this.#writeBlock();
    const parent = this.#addName(DIRECTORY_BYTE, name);
    this.#top().children.push({ gap: parent.position, start });
  }

  /** Writes the root; all directories must be closed. Nothing may be added afterwards. */
  finish(): void {
    if (this.#open.length !== 1) throw new TypeError("a directory is still open");
    const { start } = this.#writeBlock();
    const end = new ByteWriter(8);
    end.writeSize(start);
    this.#sink.write(end.view());
  }

  #addName(type: number, name: Uint8Array): ByteWriter {
    checkName(name);
    const directory = this.#top();
    directory.count += 1;
    directory.entries.writeU8(type);
    writeVarint(directory.entries, name.length);
    directory.entries.write(name);
    return directory.entries;
  }

  /** Takes the open directory off the stack and writes its block. */
  #writeBlock(): { name: Uint8Array; start: number } {
    const directory = this.#top();
    this.#open.pop();
    const start = this.#sink.position - this.#origin;
    const table = this.#block;
    table.reset();
    writeVarint(table, directory.count);
    const entries = directory.entries.view();
    let copied = 0;
    for (const child of directory.children) {
      table.write(entries.subarray(copied, child.gap));
      writeVarint(table, start - child.start);
      copied = child.gap;
    }
    table.write(entries.subarray(copied));
    const length = new ByteWriter(16);
    writeVarint(length, table.position);
    this.#sink.write(length.view());
    this.#sink.write(table.view());
    return { name: directory.name, start };
  }

  #top(): OpenDirectory {
    const top = this.#open.at(-1);
    if (!top) throw new TypeError("the catalogue is finished");
    return top;
  }
}

function openDirectory(name: Uint8Array): OpenDirectory {
  return { name, entries: new ByteWriter(), children: [], count: 0 };
}

function checkName(name: Uint8Array): void {
  if (!isCatalogName(name)) throw new RangeError("not the name of one path component");
}

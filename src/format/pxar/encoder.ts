import assert from "node:assert/strict";

import { type ByteSink } from "../bytes/byte-sink.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { PXAR_DEPTH_MAX } from "../limits.ts";
import { entryNameFault } from "./entry-name.ts";
import { writeItemHeader, writeMetadata, writeTextItem } from "./write-metadata.ts";
import { filenameHash } from "./filename-hash.ts";
import { GoodbyeRows } from "./goodbye-table.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import { type PxarMetadata } from "./metadata.ts";

/** Where an archive goes. */
export interface PxarEncoderOptions {
  /** Receives the whole archive, or of a split one the metadata archive; must be at position 0. */
  readonly metadata: ByteSink;
  /** Makes it a split archive (format version 2): receives the payload archive. */
  readonly payload?: ByteSink | undefined;
  /** Content of the PRELUDE item; split archives only (spec pxar.md §9.4). */
  readonly prelude?: Uint8Array | undefined;
  /**
   * Whether the payload archive gets its start marker now; `"omit"` when its first bytes come from re-used chunks that
   * carry the old one. Ignored for archives that are not split.
   */
  readonly payloadStartMarker?: "write" | "omit" | undefined;
}

/** Content that is in the payload archive already, or will be when re-used chunks follow. */
export interface PxarReference {
  /** Offset of its PAYLOAD header. */
  readonly payloadOffset: number;
  /** Bytes of content. */
  readonly size: number;
  /**
   * What the goodbye table says about the entry's size: as the official client writes references, or as it writes
   * content, which makes the metadata archive of an unchanged tree the same both times. Readers cope with either.
   */
  readonly tableSize?: "metadata" | "withContent";
}

interface OpenDirectory {
  /** Archive offset of the FILENAME item; 0 for the root, which has none. */
  readonly nameOffset: number;
  /** Archive offset of the ENTRY item; 0 for the root whatever precedes it (spec pxar.md §5). */
  readonly entryOffset: number;
  readonly hashLow: number;
  readonly hashHigh: number;
  /** First of the directory's rows in the goodbye stack. */
  readonly firstRow: number;
}

/**
 * Encodes an archive entry by entry, front to back (spec pxar.md §2–§5).
 *
 * One call per entry, in archive order: {@link startRoot} first, then entries and {@link startDirectory} …
 * {@link endDirectory}, which also ends the root, and {@link finish}. Methods that add an entry return the offset of its
 * FILENAME item in the metadata archive, which is what a later {@link addHardLink} needs. Names within a
 * directory must be unique; the official client sorts them by bytes, and so should callers.
 *
 * Writes one block per entry to each sink and keeps 24 bytes per entry of the open directories, nothing else. Wrong use
 * (a call out of order, a bad name, content of another size than announced) throws an assertion error and leaves
 * an archive that must be thrown away.
 */
export class PxarEncoder {
  readonly #metadata: ByteSink;
  readonly #payload: ByteSink;
  readonly #split: boolean;
  readonly #scratch = new ByteWriter(4096);
  readonly #rows = new GoodbyeRows();
  readonly #hash = new Uint32Array(2);
  readonly #open: OpenDirectory[] = [];
  #state: "new" | "entries" | "content" | "rootEnded" | "finished" = "new";
  /** Lowest payload offset that a reference may still have. */
  #payloadFloor = 0;
  #fileNameOffset = 0;
  #fileSize = 0;
  #contentEnd = 0;

  constructor(options: PxarEncoderOptions) {
    assert.equal(options.metadata.position, 0, "an archive starts at position 0 of its sink");
    this.#metadata = options.metadata;
    this.#split = options.payload !== undefined;
    this.#payload = options.payload ?? options.metadata;
    assert(this.#split || options.prelude === undefined, "only split archives have a prelude");
    if (this.#split) this.#writeSplitStart(options);
  }

  /** Position of the payload archive's next byte: offset of the PAYLOAD header of the next file with own content. */
  get payloadPosition(): number {
    return this.#payload.position;
  }

  /** Number of directories that are open now, the root included. */
  get depth(): number {
    return this.#open.length;
  }

  /** Starts the root directory. */
  startRoot(metadata: PxarMetadata): void {
    assert.equal(this.#state, "new", "the root comes first and once");
    this.#open.push({ nameOffset: 0, entryOffset: 0, hashLow: 0, hashHigh: 0, firstRow: 0 });
    writeMetadata(this.#scratch, metadata);
    this.#flush();
    this.#state = "entries";
  }

  /**
   * Starts a directory; what is added up to the matching {@link endDirectory} lies in it.
   *
   * @returns Archive offset of its FILENAME item.
   */
  startDirectory(name: Uint8Array, metadata: PxarMetadata): number {
    const nameOffset = this.#startEntry(name);
    assert(this.#open.length < PXAR_DEPTH_MAX, "the directory tree is too deep");
    filenameHash(name, this.#hash);
    this.#open.push({
      nameOffset,
      entryOffset: nameOffset + this.#scratch.position,
      hashLow: this.#hash[0] ?? 0,
      hashHigh: this.#hash[1] ?? 0,
      firstRow: this.#rows.count,
    });
    writeMetadata(this.#scratch, metadata);
    this.#flush();
    return nameOffset;
  }

  /** Ends the directory that was started last: writes its goodbye table. */
  endDirectory(): void {
    assert.equal(this.#state, "entries", "no directory is open");
    const directory = this.#open.pop();
    assert(directory, "no directory is open");
    this.#rows.writeTable(this.#scratch, directory.firstRow, {
      goodbyeOffset: this.#metadata.position,
      entryOffset: directory.entryOffset,
    });
    this.#flush();
    if (this.#open.length === 0) {
      this.#state = "rootEnded";
      return;
    }
    this.#hash[0] = directory.hashLow;
    this.#hash[1] = directory.hashHigh;
    this.#pushRow(directory.nameOffset, 0);
  }

  /**
   * Starts a regular file; the caller then writes exactly `size` bytes to the payload sink (the only sink, when
   * the archive is not split) and calls {@link endFile}.
   *
   * @returns Archive offset of its FILENAME item.
   */
  startFile(name: Uint8Array, metadata: PxarMetadata, size: number): number {
    const nameOffset = this.#startEntry(name);
    writeMetadata(this.#scratch, metadata);
    if (this.#split) {
      const payloadOffset = this.#payload.position;
      this.#claimPayload(payloadOffset);
      writeItemHeader(this.#scratch, pxarItems.PAYLOAD_REF, 16);
      this.#scratch.writeSize(payloadOffset);
      this.#scratch.writeSize(size);
      this.#flush();
      writeItemHeader(this.#scratch, pxarItems.PAYLOAD, size);
      this.#payload.write(this.#scratch.view());
      this.#scratch.reset();
    } else {
      writeItemHeader(this.#scratch, pxarItems.PAYLOAD, size);
      this.#flush();
    }
    filenameHash(name, this.#hash);
    this.#fileNameOffset = nameOffset;
    this.#fileSize = size;
    this.#contentEnd = this.#payload.position + size;
    this.#state = "content";
    return nameOffset;
  }

  /** Ends the file that {@link startFile} started; its content must have been written completely. */
  endFile(): void {
    assert.equal(this.#state, "content", "no file was started");
    assert.equal(this.#payload.position, this.#contentEnd, "content and announced size differ");
    this.#state = "entries";
    // The official encoder counts payload twice in split archives, here and in the payload archive; readers cope
    // with either, and byte-identical archives share chunks (spec pxar.md §5).
    this.#pushRow(this.#fileNameOffset, this.#split ? this.#fileSize : 0);
  }

  /**
   * Adds a regular file whose content is in the payload archive already, or will be when re-used chunks follow.
   *
   * @param payloadOffset Offset of its PAYLOAD header in the payload archive; must be higher than those of all files
   *   before it (spec pxar.md §4).
   * @param size Bytes of content.
   * @returns Archive offset of its FILENAME item.
   */
  addFileReference(
    name: Uint8Array,
    metadata: PxarMetadata,
    { payloadOffset, size, tableSize = "metadata" }: PxarReference,
  ): number {
    assert(this.#split, "only split archives have payload references");
    const nameOffset = this.#startEntry(name);
    this.#claimPayload(payloadOffset);
    writeMetadata(this.#scratch, metadata);
    writeItemHeader(this.#scratch, pxarItems.PAYLOAD_REF, 16);
    this.#scratch.writeSize(payloadOffset);
    this.#scratch.writeSize(size);
    return this.#endEntry(name, nameOffset, tableSize === "withContent" ? size : 0);
  }

  /**
   * Adds a further name of a regular file.
   *
   * @param targetPath Path of the earlier name from the root, without a leading slash.
   * @param targetNameOffset What {@link startFile} or {@link addFileReference} returned for it.
   * @returns Archive offset of its FILENAME item.
   */
  addHardLink(name: Uint8Array, targetPath: Uint8Array, targetNameOffset: number): number {
    const nameOffset = this.#startEntry(name);
    assert(targetNameOffset < nameOffset, "the target of a hard link comes before it");
    writeItemHeader(this.#scratch, pxarItems.HARDLINK, 8 + targetPath.length + 1);
    this.#scratch.writeSize(nameOffset - targetNameOffset);
    this.#scratch.write(targetPath);
    this.#scratch.writeU8(0);
    return this.#endEntry(name, nameOffset);
  }

  /** Adds a symbolic link. Returns the archive offset of its FILENAME item. */
  addSymlink(name: Uint8Array, metadata: PxarMetadata, target: Uint8Array): number {
    const nameOffset = this.#startEntry(name);
    writeMetadata(this.#scratch, metadata);
    writeTextItem(this.#scratch, pxarItems.SYMLINK, target);
    return this.#endEntry(name, nameOffset);
  }

  /** Adds a block or character device, which of them says the mode. Returns the archive offset of its FILENAME item. */
  addDevice(
    name: Uint8Array,
    metadata: PxarMetadata,
    { major, minor }: { readonly major: number; readonly minor: number },
  ): number {
    const nameOffset = this.#startEntry(name);
    writeMetadata(this.#scratch, metadata);
    writeItemHeader(this.#scratch, pxarItems.DEVICE, 16);
    this.#scratch.writeSize(major);
    this.#scratch.writeSize(minor);
    return this.#endEntry(name, nameOffset);
  }

  /** Adds a FIFO. Returns the archive offset of its FILENAME item. */
  addFifo(name: Uint8Array, metadata: PxarMetadata): number {
    return this.#addBare(name, metadata);
  }

  /** Adds a socket. Returns the archive offset of its FILENAME item. */
  addSocket(name: Uint8Array, metadata: PxarMetadata): number {
    return this.#addBare(name, metadata);
  }

  /**
   * Ends the archive after the root was ended.
   *
   * @param payloadTailMarker `"omit"` when re-used chunks at the end of the payload archive carry the old marker.
   */
  finish(payloadTailMarker: "write" | "omit" = "write"): void {
    assert.equal(this.#state, "rootEnded", "the root has not been ended");
    if (this.#split && payloadTailMarker === "write") {
      writeItemHeader(this.#scratch, pxarItems.PAYLOAD_TAIL_MARKER, 0);
      this.#payload.write(this.#scratch.view());
      this.#scratch.reset();
    }
    this.#state = "finished";
  }

  #addBare(name: Uint8Array, metadata: PxarMetadata): number {
    const nameOffset = this.#startEntry(name);
    writeMetadata(this.#scratch, metadata);
    return this.#endEntry(name, nameOffset);
  }

  #writeSplitStart({ prelude, payloadStartMarker }: PxarEncoderOptions): void {
    const scratch = this.#scratch;
    writeItemHeader(scratch, pxarItems.FORMAT_VERSION, 8);
    scratch.writeSize(2);
    if (prelude !== undefined) {
      writeItemHeader(scratch, pxarItems.PRELUDE, prelude.length);
      scratch.write(prelude);
    }
    this.#flush();
    if (payloadStartMarker === "omit") return;
    writeItemHeader(scratch, pxarItems.PAYLOAD_START_MARKER, 0);
    this.#payload.write(scratch.view());
    scratch.reset();
    this.#payloadFloor = ITEM_HEADER_BYTES;
  }

  /** Writes FILENAME to the scratch and returns where it will lie. */
  #startEntry(name: Uint8Array): number {
    assert.equal(this.#state, "entries", "no directory is open, or a file has not been ended");
    assert.equal(entryNameFault(name), undefined);
    writeTextItem(this.#scratch, pxarItems.FILENAME, name);
    return this.#metadata.position;
  }

  #endEntry(name: Uint8Array, nameOffset: number, extraSize = 0): number {
    this.#flush();
    filenameHash(name, this.#hash);
    this.#pushRow(nameOffset, extraSize);
    return nameOffset;
  }

  #pushRow(nameOffset: number, extraSize: number): void {
    this.#rows.push(this.#hash, nameOffset, this.#metadata.position - nameOffset + extraSize);
  }

  #claimPayload(offset: number): void {
    assert(offset >= this.#payloadFloor, "payload offsets must increase");
    this.#payloadFloor = offset + ITEM_HEADER_BYTES;
  }

  #flush(): void {
    this.#metadata.write(this.#scratch.view());
    this.#scratch.reset();
  }
}

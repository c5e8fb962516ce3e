import { type ResidentSource } from "../bytes/resident-source.ts";
import { PXAR_DEPTH_MAX } from "../limits.ts";
import { ArchiveWindow } from "./archive-window.ts";
import { invalidArchive, modeTypes } from "./entry-parser.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import { attributeEnd } from "./metadata-parser.ts";
import { parseHeader } from "./tree-reader.ts";

/** What a {@link PxarScanner} tells of, in archive order. */
export interface PxarScanVisitor {
  /** An entry that is no directory; `hasAttributes`: extended attributes, capabilities or an access list. */
  leaf(nameOffset: number, hasAttributes: boolean): void;
  /** Another name of the file whose FILENAME item is at `targetNameOffset`. */
  hardLink(targetNameOffset: number): void;
  /** A directory, the root first; its content follows. */
  directoryStart(hasAttributes: boolean): void;
  /** The end of the innermost directory, at the archive offset behind its goodbye table. */
  directoryEnd(end: number): void;
}

const contentItemOfLow = new Map(
  [pxarItems.PAYLOAD_REF, pxarItems.PAYLOAD, pxarItems.SYMLINK, pxarItems.DEVICE].map((type) => [
    type.low,
    type,
  ]),
);

/**
 * Passes over all entries of an archive by the headers of their items (spec pxar.md §2), for those who count.
 *
 * A tenth of the work of `PxarDecoder`, because no name, time or owner is decoded or checked: an entry that is told of may
 * still be one that cannot be decoded. Reads ascend. Restartable: what `NotResident` interrupted goes on with the
 * next call of {@link run}, and no entry is told of twice.
 */
export class PxarScanner {
  readonly #window: ArchiveWindow;
  readonly #visitor: PxarScanVisitor;
  readonly #size: number;
  #hasStarted = false;
  #depth = 0;
  #offset = 0;

  /** Reads nothing yet. */
  constructor(archive: ResidentSource, visitor: PxarScanVisitor) {
    this.#window = new ArchiveWindow(archive);
    this.#visitor = visitor;
    this.#size = archive.size;
  }

  /**
   * Passes over what is left, to the end of the archive.
   *
   * @throws {FormatError} Where the items do not follow each other as they should; the rest cannot be passed over.
   */
  run(): void {
    const window = this.#window;
    window.clear(this.#size);
    if (!this.#hasStarted) {
      this.#passOwnEntry(parseHeader(window).end, 0);
      this.#hasStarted = true;
    }
    while (this.#depth > 0) {
      const offset = this.#offset;
      if (window.isType(offset, pxarItems.GOODBYE)) this.#endDirectory(offset);
      else this.#passNamedEntry(offset);
    }
    if (this.#offset !== this.#size) throw invalidArchive(this.#offset, "bytes behind the root");
  }

  #endDirectory(offset: number): void {
    this.#offset = this.#window.itemEnd(offset, pxarItems.GOODBYE);
    this.#depth--;
    this.#visitor.directoryEnd(this.#offset);
  }

  #passNamedEntry(nameOffset: number): void {
    const window = this.#window;
    if (!window.isType(nameOffset, pxarItems.FILENAME)) {
      throw invalidArchive(nameOffset, "no FILENAME item");
    }
    const at = window.itemEnd(nameOffset, pxarItems.FILENAME);
    if (!window.isType(at, pxarItems.HARDLINK)) {
      this.#passOwnEntry(at, nameOffset);
      return;
    }
    const end = window.itemEnd(at, pxarItems.HARDLINK);
    const targetNameOffset = nameOffset - window.size(at + ITEM_HEADER_BYTES);
    this.#offset = end;
    this.#visitor.hardLink(targetNameOffset);
  }

  #passOwnEntry(entryOffset: number, nameOffset: number): void {
    const window = this.#window;
    const isCurrent = window.isType(entryOffset, pxarItems.ENTRY);
    if (!isCurrent && !window.isType(entryOffset, pxarItems.ENTRY_V1)) {
      throw invalidArchive(entryOffset, "no ENTRY item");
    }
    const mode = window.low(entryOffset + ITEM_HEADER_BYTES);
    let at = window.itemEnd(entryOffset, isCurrent ? pxarItems.ENTRY : pxarItems.ENTRY_V1);
    let hasAttributes = false;
    while (at < this.#size) {
      const end = attributeEnd(window, at);
      if (end === undefined) break;
      // The only one of them that no extended attribute shows.
      if (window.low(at) !== pxarItems.QUOTA_PROJID.low) hasAttributes = true;
      at = end;
    }
    if ((mode & modeTypes.MASK) === modeTypes.DIRECTORY) {
      if (this.#depth >= PXAR_DEPTH_MAX) throw invalidArchive(entryOffset, "too deep a tree");
      this.#depth++;
      this.#offset = at;
      this.#visitor.directoryStart(hasAttributes);
      return;
    }
    if (nameOffset === 0) throw invalidArchive(entryOffset, "a root that is not a directory");
    const content = at < this.#size ? contentItemOfLow.get(window.low(at)) : undefined;
    this.#offset = content?.high === window.high(at) ? window.itemEnd(at, content) : at;
    this.#visitor.leaf(nameOffset, hasAttributes);
  }
}

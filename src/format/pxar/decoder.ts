import { type ResidentSource } from "../bytes/resident-source.ts";
import { PXAR_DEPTH_MAX } from "../limits.ts";
import { ArchiveWindow } from "./archive-window.ts";
import { invalidArchive, parseEntry, parseOwnEntry } from "./entry-parser.ts";
import { GOODBYE_ROW_BYTES, ITEM_HEADER_BYTES, pxarItems } from "./item.ts";
import { type PxarDirectory, type PxarNode } from "./node.ts";
import { checkPayloadHeader, parseHeader, type PxarHeader } from "./tree-reader.ts";

/** What a decoder finds next: an entry (a directory is followed by its content), or the end of a directory. */
export type PxarStep =
  { readonly kind: "entry"; readonly node: PxarNode } | { readonly kind: "directory-end" };

const DIRECTORY_END: PxarStep = Object.freeze({ kind: "directory-end" });

/**
 * Decodes an archive front to back (spec pxar.md §7): all names in archive order, without the goodbye tables.
 *
 * Reads ascend and never go back before the entry last returned, so the source may be a stream with a small memory.
 * Content of files is skipped; who wants it reads it at the place the node names, before or after the next step.
 * Restartable: a step that `NotResident` interrupted is repeated by calling {@link next} again. Keeps two numbers
 * per open directory.
 */
export class PxarDecoder implements Iterable<PxarStep> {
  readonly #window: ArchiveWindow;
  readonly #size: number;
  readonly #payload: ResidentSource | undefined;
  readonly #openEntries: number[] = [];
  #header: PxarHeader | undefined;
  #offset = 0;
  #payloadEnd = ITEM_HEADER_BYTES;
  #state: "start" | "entries" | "end" = "start";

  /**
   * Reads nothing yet.
   *
   * @param payload The payload archive of a split one; when it is given, every reference is checked against the
   *   header it points to, and references must ascend.
   */
  constructor(archive: ResidentSource, payload?: ResidentSource) {
    this.#window = new ArchiveWindow(archive);
    this.#size = archive.size;
    this.#payload = payload;
  }

  /** Archive offset behind what was returned last: of a directory its head, of its end the goodbye table. */
  get offset(): number {
    return this.#offset;
  }

  /** Version and prelude. */
  header(): PxarHeader {
    if (!this.#header) {
      this.#window.clear(this.#size);
      const { header, end } = parseHeader(this.#window);
      this.#header = header;
      this.#offset = end;
    }
    return this.#header;
  }

  /**
   * The next step; `undefined` behind the end of the root.
   *
   * @throws {FormatError} For every broken rule, also for bytes behind the root.
   */
  next(): PxarStep | undefined {
    if (this.#state === "end") return undefined;
    const split = this.header().version === 2;
    const window = this.#window;
    const offset = this.#offset;
    window.clear(this.#size);
    if (this.#state === "start") return this.#startRoot(offset, split);
    if (window.isType(offset, pxarItems.GOODBYE)) return this.#endDirectory(offset);
    const node = parseEntry(window, offset, split);
    if (node.kind === "directory") {
      if (this.#openEntries.length >= PXAR_DEPTH_MAX)
        throw invalidArchive(offset, "too deep a tree");
      this.#open(node, node.entryOffset);
    } else {
      if (node.kind === "file" && split) this.#checkPayload(node.payload.headerOffset, node.size);
      this.#offset = node.end;
    }
    return { kind: "entry", node };
  }

  *[Symbol.iterator](): Iterator<PxarStep> {
    for (let step = this.next(); step; step = this.next()) yield step;
  }

  #startRoot(offset: number, split: boolean): PxarStep {
    if (split) this.#checkStartMarker();
    const root = parseOwnEntry(this.#window, offset, {
      name: new Uint8Array(0),
      nameOffset: 0,
      split,
    });
    if (root.kind !== "directory") throw invalidArchive(offset, "a root that is not a directory");
    const node = { ...root, entryOffset: 0 };
    this.#open(node, 0);
    this.#state = "entries";
    return { kind: "entry", node };
  }

  #open(directory: PxarDirectory, entryOffset: number): void {
    this.#openEntries.push(entryOffset);
    this.#offset = directory.contentOffset;
  }

  #endDirectory(offset: number): PxarStep {
    const end = this.#window.itemEnd(offset, pxarItems.GOODBYE);
    const tail = end - GOODBYE_ROW_BYTES;
    const isTail =
      this.#window.isType(tail, pxarItems.GOODBYE_TAIL_MARKER) &&
      offset - this.#window.size(tail + 8) === this.#openEntries.at(-1) &&
      this.#window.size(tail + 16) === end - offset;
    if (!isTail) throw invalidArchive(offset, "a goodbye table of another directory");
    if (this.#openEntries.length === 1) {
      if (end !== this.#size) throw invalidArchive(end, "bytes behind the root");
      this.#state = "end";
    }
    this.#openEntries.pop();
    this.#offset = end;
    return DIRECTORY_END;
  }

  #checkStartMarker(): void {
    if (!this.#payload) return;
    const window = new ArchiveWindow(this.#payload);
    if (!window.isType(0, pxarItems.PAYLOAD_START_MARKER)) {
      throw invalidArchive(0, "a payload archive without its start marker");
    }
  }

  #checkPayload(headerOffset: number, size: number): void {
    const payload = this.#payload;
    if (!payload) return;
    if (headerOffset < this.#payloadEnd) {
      throw invalidArchive(headerOffset, "a payload reference that goes back");
    }
    const end = headerOffset + ITEM_HEADER_BYTES + size;
    if (end > payload.size)
      throw invalidArchive(headerOffset, "a payload reference beyond the end");
    checkPayloadHeader(payload.read(headerOffset, ITEM_HEADER_BYTES), size);
    this.#payloadEnd = end;
  }
}

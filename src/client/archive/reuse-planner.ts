import { type KnownChunk } from "../../chunks/chunk-stream.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { samePxarMetadata } from "../../format/pxar/metadata.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import { FILE_TYPE } from "../../linux/file-status.ts";
import { type SourceEntry, type TreeVisitor } from "../source/walk-tree.ts";
import { linkKeyOf } from "./link-key.ts";
import { type PreviousTree } from "./previous-tree.ts";

/** Where a {@link ReusePlanner} puts entries once it has decided about them. */
export interface ReuseTarget {
  /** Bytes of the payload archive so far, injected chunks included. */
  readonly payloadPosition: number;
  /** Writes a directory's start. */
  enterDirectory(entry: SourceEntry): void;
  /** Writes the end of the directory that was entered last. */
  leaveDirectory(): void;
  /** Writes an entry, a regular file with its content. */
  visitEntry(entry: SourceEntry): void;
  /** Writes a regular file whose content will be at an offset of the payload archive. */
  addReference(entry: SourceEntry, payloadOffset: number): void;
  /**
   * Settles how the payload archive begins; called before the first {@link inject}.
   *
   * `reused`: with the chunks that are injected next, which bring the start marker of the previous archive.
   */
  startPayload(marker: "own" | "reused"): void;
  /** Ends the current chunk of the payload archive and goes on with existing ones. */
  inject(chunks: readonly KnownChunk[]): void;
}

/** Parameters of a {@link ReusePlanner}. */
export interface ReusePlannerOptions {
  /** Most entries that wait for a decision; about 1 KiB of memory each. */
  readonly pendingMax: number;
}

/** Share of a re-used run that may be bytes nobody refers to (spec metadata-change-detection.md §4.2). */
const PADDING_RATIO_MAX = 0.1;

type Pending =
  | { readonly kind: "enter" | "other"; readonly entry: SourceEntry }
  | { readonly kind: "leave" }
  /** `offset` counts from the start of the range. */
  | { readonly kind: "reusable"; readonly entry: SourceEntry; readonly offset: number };

/** A chunk of the previous payload archive that a run of unchanged files touches. */
interface TouchedChunk extends KnownChunk {
  /** Position in the previous index. */
  readonly index: number;
  /** Bytes of it that no file of the run refers to. */
  padding: number;
}

interface Touched {
  readonly chunks: readonly TouchedChunk[];
  readonly paddingStart: number;
  readonly paddingEnd: number;
}

/**
 * Decides which unchanged files are taken over from the previous backup by its chunks, without reading them
 * (spec metadata-change-detection.md §3–§4).
 *
 * Unchanged files are held back as long as their content is contiguous in the previous payload archive. When such a run
 * ends, its chunks are injected, unless more than {@link PADDING_RATIO_MAX} of them would be bytes nobody refers to; then
 * the files are read after all. A chunk at the end of a run that may go on is held back too.
 *
 * Three things differ from the official client, none of them visible in the format. Waiting entries hold no
 * descriptor, so that thousands may wait, and a run that was only split because too many wait is not charged for
 * the chunk it will go on in. A run that ends with a chunk does not take the next. And a run that begins with the first chunk
 * takes its start marker along, so an unchanged tree gives exactly the previous index.
 */
export class ReusePlanner implements TreeVisitor {
  readonly #previous: PreviousTree;
  readonly #index: ChunkIndex;
  readonly #target: ReuseTarget;
  readonly #pendingMax: number;
  readonly #seenLinks = new Set<string>();
  #pending: Pending[] = [];
  #isHolding = false;
  #isStarted = false;
  /** Range of the previous payload archive that the waiting files cover. */
  #rangeStart = 0;
  #rangeEnd = 0;
  /** Chunk held back from the last run. */
  #last: TouchedChunk | undefined;
  #injectedLast = -1;
  #positionAfterLast = -1;
  /** Highest payload offset accepted so far: archives of old encoders may contain references out of order. */
  #highestOffset = -1;
  #depth = 0;

  constructor(
    previous: { readonly tree: PreviousTree; readonly payloadIndex: ChunkIndex },
    target: ReuseTarget,
    options: ReusePlannerOptions,
  ) {
    this.#previous = previous.tree;
    this.#index = previous.payloadIndex;
    this.#target = target;
    this.#pendingMax = options.pendingMax;
  }

  enterDirectory(entry: SourceEntry): void {
    if (this.#depth++ === 0) {
      this.#previous.enterRoot();
      this.#target.enterDirectory(entry);
      return;
    }
    this.#previous.enter(entry.name);
    this.#makeRoom();
    if (this.#isHolding) {
      this.#pending.push({ kind: "enter", entry });
    } else {
      this.#write(undefined);
      this.#target.enterDirectory(entry);
    }
  }

  leaveDirectory(): void {
    this.#previous.leave();
    if (--this.#depth === 0) {
      this.#flush("hole", "drop");
      this.#target.leaveDirectory();
    } else if (this.#isHolding) this.#pending.push({ kind: "leave" });
    else this.#target.leaveDirectory();
  }

  visitEntry(entry: SourceEntry): void {
    this.#makeRoom();
    if ((entry.status.mode & FILE_TYPE.mask) === FILE_TYPE.regular) {
      if (this.#isKnownLink(entry)) {
        this.#hold({ kind: "other", entry });
        return;
      }
      const offset = this.#reusableOffset(entry);
      if (offset !== undefined) {
        this.#holdReusable(entry, offset);
        return;
      }
      this.#flush("hole", "drop");
    } else if (this.#isHolding) {
      this.#hold({ kind: "other", entry });
      return;
    }
    this.#write(undefined);
    this.#target.visitEntry(entry);
  }

  /** Whether the payload archive ends with the last chunk of the previous one, and so with its tail marker. */
  get endsWithPrevious(): boolean {
    return (
      this.#injectedLast === this.#index.count - 1 &&
      this.#positionAfterLast === this.#target.payloadPosition
    );
  }

  #makeRoom(): void {
    if (this.#pending.length >= this.#pendingMax) this.#flush("full", "keep");
  }

  #hold(item: Pending): void {
    this.#pending.push(item);
    this.#isHolding = true;
  }

  #holdReusable(entry: SourceEntry, offset: number): void {
    if (this.#rangeEnd === 0) this.#rangeStart = this.#rangeEnd = offset;
    if (this.#rangeEnd !== offset) {
      this.#flush("hole", "keep");
      this.#rangeStart = offset;
    }
    this.#rangeEnd = offset + ITEM_HEADER_BYTES + entry.status.size;
    this.#hold({ kind: "reusable", entry, offset: offset - this.#rangeStart });
  }

  #isKnownLink({ status }: SourceEntry): boolean {
    if (status.linkCount <= 1) return false;
    const key = linkKeyOf(status);
    if (this.#seenLinks.has(key)) return true;
    this.#seenLinks.add(key);
    return false;
  }

  /** Offset of the file's payload in the previous archive, if it can stand for the file as it is now. */
  #reusableOffset(entry: SourceEntry): number | undefined {
    const file = this.#previous.file(entry.name);
    if (file === undefined) return undefined;
    const offset = file.payload.headerOffset;
    const isSame =
      file.size === entry.status.size &&
      samePxarMetadata(file.metadata, entry.metadata) &&
      offset > this.#highestOffset &&
      offset + ITEM_HEADER_BYTES + file.size <= this.#index.size;
    if (!isSame) return undefined;
    this.#highestOffset = offset;
    return offset;
  }

  /**
   * Ends the current run.
   *
   * @param cause `full` when the run goes on in its last chunk, as far as anyone knows.
   * @param lastChunk Whether the run's last chunk may be continued by the next.
   */
  #flush(cause: "hole" | "full", lastChunk: "keep" | "drop"): void {
    if (this.#rangeEnd === this.#rangeStart) {
      this.#write(undefined);
      return;
    }
    const touched = this.#lookup();
    const [first] = touched.chunks;
    if (!first) throw new TypeError("a range without chunks");
    const previousLast = this.#last;
    this.#last = undefined;
    const continued = previousLast?.index === first.index ? previousLast : undefined;
    const total = this.#rangeEnd - this.#rangeStart + touched.paddingStart + touched.paddingEnd;
    const paid = continued ? continued.size - continued.padding : 0;
    const free = cause === "full" ? touched.paddingEnd : 0;
    const padding = touched.paddingStart + touched.paddingEnd - paid - free;
    if (padding / total > PADDING_RATIO_MAX) {
      this.#last = previousLast;
      this.#write(undefined);
      return;
    }
    if (previousLast && !continued) this.#inject([previousLast]);
    first.padding -= paid;
    if (!this.#isStarted) this.#start(first.index === 0 ? "reused" : "own");
    this.#write(this.#target.payloadPosition + touched.paddingStart);
    if (lastChunk === "keep") {
      this.#last = touched.chunks.at(-1);
      this.#isHolding = true; // What follows waits too: the chunk held back may go on.
      this.#inject(touched.chunks.slice(0, -1));
    } else this.#inject(touched.chunks);
  }

  /** Writes everything that waits: as references from `base` on, or with content when there is no base. */
  #write(base: number | undefined): void {
    if (this.#last) {
      const last = this.#last;
      this.#last = undefined;
      this.#inject([last]);
    }
    const items = this.#pending;
    this.#pending = [];
    this.#isHolding = false;
    this.#rangeStart = this.#rangeEnd;
    for (const item of items) {
      if (item.kind === "enter") this.#target.enterDirectory(item.entry);
      else if (item.kind === "leave") this.#target.leaveDirectory();
      else if (item.kind === "reusable" && base !== undefined) {
        this.#target.addReference(item.entry, base + item.offset);
      } else this.#target.visitEntry(item.entry);
    }
  }

  #inject(chunks: readonly TouchedChunk[]): void {
    const last = chunks.at(-1);
    if (!last) return;
    if (!this.#isStarted) this.#start("own");
    this.#target.inject(chunks);
    this.#injectedLast = last.index;
    this.#positionAfterLast = this.#target.payloadPosition;
  }

  #start(marker: "own" | "reused"): void {
    this.#isStarted = true;
    this.#target.startPayload(this.#target.payloadPosition === 0 ? marker : "own");
  }

  /** Chunks of the previous payload archive that hold the range. */
  #lookup(): Touched {
    const index = this.#index;
    const firstIndex = index.findIndex(this.#rangeStart);
    const chunks: TouchedChunk[] = [];
    let end = index.startOf(firstIndex);
    const paddingStart = this.#rangeStart - end;
    for (let i = firstIndex; end < this.#rangeEnd; i++) {
      const start = end;
      end = index.endOf(i);
      chunks.push({
        index: i,
        digest: index.digestBytesAt(i).slice(),
        size: end - start,
        padding: 0,
      });
    }
    const paddingEnd = end - this.#rangeEnd;
    const [first] = chunks;
    const last = chunks.at(-1);
    if (first) first.padding += paddingStart;
    if (last) last.padding += paddingEnd;
    return { chunks, paddingStart, paddingEnd };
  }
}

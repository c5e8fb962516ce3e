import { LRUCache } from "lru-cache";

import { parseDynamicIndex } from "../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../format/index/fixed-index.ts";
import { PxarTree } from "../format/pxar/tree-reader.ts";
import { type AnswerMemory } from "./answer-memory.ts";
import { ArchiveCensus } from "./archive-census.ts";
import { ArchiveTree, inodeSpanOf } from "./archive-tree.ts";
import { ChunkedBytes } from "./chunked-bytes.ts";
import { fileContent } from "./file-content.ts";
import { type SnapshotFile, type SnapshotKey, snapshotPath } from "./fs-need.ts";
import { type ShownFile } from "./shown-file.ts";
import { type ZeroChunks } from "./zero-chunks.ts";
import { hash52, VIRTUAL_INODE_MIN } from "./virtual-node.ts";

/** Archives whose index and tree are held ready. */
const OPEN_MAX = 64;

/** Longest metadata archive that is read whole for exact link counts, about half a million entries. */
const SPLIT_COUNTED_BYTES_MAX = 64 * 1024 * 1024;

/** The same for archives that have content in place. */
const WHOLE_COUNTED_BYTES_MAX = 256 * 1024 * 1024;

/** Most bytes of chunks that are fetched for the counts of such an archive; large files in it are skipped. */
const WHOLE_FETCHED_BYTES_MAX = 32 * 1024 * 1024;

/** An archive that has been shown: its place among the inode numbers, kept for the life of the mount. */
export interface ArchiveSlot {
  readonly snapshot: SnapshotKey;
  readonly shown: ShownFile & { readonly kind: "archive" };
  /** First inode number, and the number behind the last. */
  readonly base: number;
  readonly end: number;
  readonly rootInode: number;
  readonly parentInode: number;
}

/** Where the root directory of an archive stands. */
export interface ArchivePlace {
  /** Inode number of the directory above it. */
  readonly parentInode: number;
  /** Inode number of its root when the archive is all that is mounted: then its numbers start at 0. */
  readonly onlyRootInode?: number | undefined;
}

/**
 * Gives archives their ranges of inode numbers and opens them when they are used.
 *
 * A range starts where the hash of the archive's path says, so that numbers are the same in every mount; should two
 * overlap, the later goes behind the earlier. What is open is bounded; ranges stay, they cost a few hundred bytes.
 */
export class ArchiveSlots {
  readonly #memory: AnswerMemory;
  readonly #zeros: ZeroChunks;
  readonly #sorted: ArchiveSlot[] = [];
  readonly #byPath = new Map<string, ArchiveSlot>();
  readonly #trees = new LRUCache<ArchiveSlot, ArchiveTree>({ max: OPEN_MAX });
  readonly #images = new LRUCache<string, ChunkedBytes>({ max: OPEN_MAX });
  readonly #censuses = new LRUCache<ArchiveSlot, ArchiveCensus>({ max: OPEN_MAX });

  /** Starts with none; `zeros` are the chunks that it knows without fetching. */
  constructor(memory: AnswerMemory, zeros: ZeroChunks) {
    this.#memory = memory;
    this.#zeros = zeros;
  }

  /** Bytes of what the archives and images shown so far hold, and the entries of those that were counted. */
  totals(): { readonly totalBytes: number; readonly entryCount: number } {
    let totalBytes = 0;
    let entryCount = this.#sorted.length;
    for (const slot of this.#sorted) {
      const { tree, content } = slot.shown;
      totalBytes += tree === content ? tree.size : tree.size + content.size;
      entryCount += this.#censuses.peek(slot)?.entryCount ?? 0;
    }
    return { totalBytes, entryCount };
  }

  /** The slot of an archive, made when it is shown first. */
  slotOf(
    snapshot: SnapshotKey,
    shown: ShownFile & { readonly kind: "archive" },
    place: ArchivePlace,
  ): ArchiveSlot {
    const path = slotPath(snapshot, shown);
    const known = this.#byPath.get(path);
    if (known) return known;
    const span = inodeSpanOf(shown.tree.size);
    const base = place.onlyRootInode === undefined ? this.#freeBase(path, span) : 0;
    const slot: ArchiveSlot = {
      snapshot,
      shown,
      base,
      end: base + span,
      rootInode: place.onlyRootInode ?? base + span - 1,
      parentInode: place.parentInode,
    };
    this.#byPath.set(path, slot);
    this.#sorted.splice(this.#placeOf(base), 0, slot);
    return slot;
  }

  /** The slot of an archive, if it has been shown. */
  shownSlot(snapshot: SnapshotKey, shown: ShownFile): ArchiveSlot | undefined {
    return this.#byPath.get(slotPath(snapshot, shown));
  }

  /** The slot in whose range an inode number is. */
  slotOfInode(ino: number): ArchiveSlot | undefined {
    const slot = this.#sorted[this.#placeOf(ino + 1) - 1];
    return slot && ino < slot.end ? slot : undefined;
  }

  /** The tree in an archive; restartable, as its index may have to be fetched. */
  treeOf(slot: ArchiveSlot): ArchiveTree {
    const known = this.#trees.get(slot);
    if (known) return known;
    const { snapshot, shown } = slot;
    const isSplit = shown.tree !== shown.content;
    const bytes = this.#openBytes(snapshot, shown.tree, isSplit ? "tree" : "content");
    const openContent = isSplit
      ? (): ChunkedBytes => this.bytesOf(snapshot, shown.content)
      : (): ChunkedBytes => bytes;
    const tree = new ArchiveTree({
      tree: new PxarTree(bytes),
      archiveBytes: bytes.size,
      expect: (offsets) => {
        bytes.expect(offsets);
      },
      content: fileContent(openContent),
      census: this.#censusOf(slot, bytes, isSplit),
      inodeBase: slot.base,
      rootInode: slot.rootInode,
      parentInode: slot.parentInode,
    });
    this.#trees.set(slot, tree);
    return tree;
  }

  /** The bytes of an image, or of the payload of a split archive; restartable. */
  bytesOf(snapshot: SnapshotKey, file: SnapshotFile): ChunkedBytes {
    const path = `${snapshotPath(snapshot)}/${file.name}`;
    const known = this.#images.get(path);
    if (known) return known;
    const bytes = this.#openBytes(snapshot, file, "content");
    this.#images.set(path, bytes);
    return bytes;
  }

  /** What {@link bytesOf} would return, if it has been opened. */
  openedBytes(snapshot: SnapshotKey, file: SnapshotFile): ChunkedBytes | undefined {
    return this.#images.get(`${snapshotPath(snapshot)}/${file.name}`);
  }

  /** Whether it is certain that nothing in this archive has extended attributes. */
  isWithoutAttributes(slot: ArchiveSlot): boolean {
    return this.#censuses.peek(slot)?.isWithoutAttributes ?? false;
  }

  #openBytes(
    snapshot: SnapshotKey,
    { name }: SnapshotFile,
    holds: "tree" | "content",
  ): ChunkedBytes {
    const file = this.#memory.get({ kind: "open-archive", snapshot, archive: name });
    const index = name.endsWith(".fidx") ? parseFixedIndex(file) : parseDynamicIndex(file);
    return new ChunkedBytes({
      index,
      snapshot,
      archive: name,
      holds,
      memory: this.#memory,
      zeros: this.#zeros,
    });
  }

  #censusOf(slot: ArchiveSlot, bytes: ChunkedBytes, isSplit: boolean): ArchiveCensus | undefined {
    const bytesMax = isSplit ? SPLIT_COUNTED_BYTES_MAX : WHOLE_COUNTED_BYTES_MAX;
    if (bytes.size > bytesMax) return undefined;
    const known = this.#censuses.get(slot);
    if (known) return known;
    const census = new ArchiveCensus(isSplit ? bytes : bytes.limited(WHOLE_FETCHED_BYTES_MAX));
    this.#censuses.set(slot, census);
    return census;
  }

  /** Number of slots that start below an inode number. */
  #placeOf(ino: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.base ?? 0) < ino) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #freeBase(path: string, span: number): number {
    const room = VIRTUAL_INODE_MIN - span - 2;
    if (room <= 0) throw new RangeError("an archive is too long for inode numbers");
    let base = 2 + (hash52(path) % room);
    // Each step goes behind one slot, and starts over once at the end of the room.
    for (let tries = 2 * this.#sorted.length + 2; tries > 0; tries--) {
      const place = this.#placeOf(base + 1);
      const before = this.#sorted[place - 1];
      const behind = this.#sorted[place];
      if (before && before.end > base) base = before.end;
      else if (behind && behind.base < base + span) base = behind.end;
      else if (base > room) base = 2;
      else return base;
    }
    throw new RangeError("inode numbers are used up");
  }
}

function slotPath(snapshot: SnapshotKey, shown: ShownFile): string {
  return `${snapshotPath(snapshot)}/${shown.name}`;
}

import { LRUCache } from "lru-cache";

import { NotResident } from "../format/bytes/resident-source.ts";
import { type PxarDirectory, type PxarNode } from "../format/pxar/node.ts";
import { type PxarListing, type PxarTree } from "../format/pxar/tree-reader.ts";
import { type Attributes, type DirectoryEntry } from "./file-system.ts";
import { WalkAhead } from "./walk-ahead.ts";

/** Entries of all listings that are kept: the kernel keeps its own, so few ask for one twice. */
const LISTED_ENTRIES_MAX = 2000;

/** Entries that a listing counts besides its own. */
const LISTING_OVERHEAD_ENTRIES = 16;

/** Entries of a directory being listed whose places are fetched ahead. */
const EXPECTED_MAX = 64;

/** Directories that may be in the middle of being listed at the same time. */
const READINGS_MAX = 16;

/** A directory that is being listed, as far as it has been read. */
interface Reading {
  readonly listing: PxarListing;
  /** Read, but not in {@link entries} yet. */
  nodes: PxarNode[];
  readonly entries: DirectoryEntry[];
}

/** What is in a directory. */
export interface Listing {
  readonly entries: readonly DirectoryEntry[];
  /** Inode numbers of the directories among them. */
  readonly directories: readonly number[];
}

/** What {@link ArchiveListings} need of the archive. */
export interface ArchiveListingsParts {
  readonly tree: PxarTree;
  /** Told at which ascending offsets of the archive entries will be wanted soon. */
  readonly expect: (offsets: readonly number[]) => void;
  /** The directory with an inode number, ready to be listed. */
  readonly directoryOf: (ino: number) => PxarDirectory;
  /** Attributes to show of an entry that is being listed. */
  readonly attributesOf: (node: PxarNode) => Attributes;
}

/**
 * Listings of the directories of an archive, the last of them kept, within a fixed number of entries.
 *
 * What is read of a directory stays read when a chunk is missing, so the call can be made again; and the listing that is likely to be wanted next
 * can be made before somebody asks.
 */
export class ArchiveListings {
  readonly #parts: ArchiveListingsParts;
  readonly #listings: LRUCache<number, Listing>;
  readonly #readings = new LRUCache<number, Reading>({ max: READINGS_MAX });
  readonly #walk = new WalkAhead();
  /** A directory that somebody is expected to list, whatever was listed before. */
  #expected: number | undefined;

  constructor(parts: ArchiveListingsParts) {
    this.#parts = parts;
    this.#listings = new LRUCache({
      maxSize: LISTED_ENTRIES_MAX,
      sizeCalculation: ({ entries }) => entries.length + LISTING_OVERHEAD_ENTRIES,
    });
  }

  /** The listing of a directory that somebody asks for. */
  list(ino: number): Listing {
    const listing = this.#listing(ino);
    this.#walk.listed(ino, listing.directories);
    return listing;
  }

  /** Lets {@link prepare} make the listing of this directory next. */
  expect(ino: number): void {
    this.#expected = ino;
  }

  /**
   * Reads a piece of the listing that is likely to be wanted next, if there is one that is not there.
   *
   * Stops in one that is too large to be kept: whoever asks for that goes on where this has stopped.
   *
   * @returns Whether there may be more to do.
   */
  prepare(): boolean {
    const ino = this.#next();
    if (ino === undefined) return false;
    try {
      const reading = this.#readingOf(ino);
      if (this.#readPiece(ino, reading)) {
        const counted = reading.entries.length + LISTING_OVERHEAD_ENTRIES;
        if (counted <= LISTED_ENTRIES_MAX) return true;
        this.#giveUp();
        return false;
      }
      this.#listing(ino);
      this.#giveUp();
      return true;
    } catch (error) {
      // If it does not work, whoever asks for the directory learns why.
      this.#giveUp();
      throw error;
    }
  }

  /** The directory to list ahead, unless its listing is there. */
  #next(): number | undefined {
    if (this.#expected !== undefined && this.#listings.has(this.#expected)) {
      this.#expected = undefined;
    }
    const ino = this.#expected ?? this.#walk.next;
    return ino === undefined || this.#listings.has(ino) ? undefined : ino;
  }

  #giveUp(): void {
    if (this.#expected === undefined) this.#walk.giveUp();
    this.#expected = undefined;
  }

  #listing(ino: number): Listing {
    const known = this.#listings.get(ino);
    if (known) return known;
    const entries = this.#readEntries(ino);
    const directories: number[] = [];
    for (const { attributes } of entries) {
      if (attributes.kind === "directory") directories.push(attributes.ino);
    }
    const listing = { entries, directories };
    // A listing too large to be kept is simply not kept.
    this.#listings.set(ino, listing);
    return listing;
  }

  #readEntries(ino: number): readonly DirectoryEntry[] {
    const reading = this.#readingOf(ino);
    while (this.#readPiece(ino, reading));
    this.#readings.delete(ino);
    return reading.entries;
  }

  #readingOf(ino: number): Reading {
    const directory = this.#parts.directoryOf(ino);
    const known = this.#readings.get(ino);
    if (known) return known;
    const reading = { listing: this.#parts.tree.list(directory), nodes: [], entries: [] };
    this.#readings.set(ino, reading);
    return reading;
  }

  /**
   * Reads a piece of a directory, `false` behind the last, and keeps what it has when it is interrupted: the entries of one
   * directory may lie in more chunks than the memory can hold.
   */
  #readPiece(ino: number, reading: Reading): boolean {
    try {
      if (reading.nodes.length === 0) {
        const nodes = reading.listing.next();
        if (!nodes) return false;
        reading.nodes = nodes;
      }
      for (let node = reading.nodes[0]; node; node = reading.nodes[0]) {
        reading.entries.push({ name: node.name, attributes: this.#parts.attributesOf(node) });
        reading.nodes.shift();
      }
      return true;
    } catch (error) {
      // Entries of a directory of large directories lie far apart.
      if (error instanceof NotResident) this.#parts.expect(reading.listing.upcoming(EXPECTED_MAX));
      else this.#readings.delete(ino);
      throw error;
    }
  }
}

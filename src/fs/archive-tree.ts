import { LRUCache } from "lru-cache";

import { FormatError } from "../format/format-error.ts";
import { sameBytes } from "../format/pxar/metadata.ts";
import {
  type PxarDirectory,
  type PxarFile,
  type PxarNode,
  type PxarOwnNode,
} from "../format/pxar/node.ts";
import { type PxarListing, type PxarTree } from "../format/pxar/tree-reader.ts";
import { NotResident } from "../format/bytes/resident-source.ts";
import { type ArchiveCensus, localInodeOfDirectory, localInodeOfLeaf } from "./archive-census.ts";
import { type Attributes, type DirectoryEntry } from "./file-system.ts";
import { type FileContent } from "./file-content.ts";
import { type ExtendedAttribute, extendedAttributesOf } from "./extended-attributes.ts";
import { FilePaths } from "./file-paths.ts";
import { FsError } from "./fs-error.ts";
import { WalkAhead } from "./walk-ahead.ts";

/**
 * Longest archive that is read whole before anything of it is shown, some 50 ms of work. In longer ones link counts are
 * provisional until somebody asks for the attributes of a file.
 */
const COUNTED_FIRST_BYTES_MAX = 8 * 1024 * 1024;

/** Entries of all listings that are kept: the kernel keeps its own, so few ask for one twice. */
const LISTED_ENTRIES_MAX = 2000;

/** Entries that a listing counts besides its own. */
const LISTING_OVERHEAD_ENTRIES = 16;

/** Entries of a directory being listed whose places are fetched ahead. */
const EXPECTED_MAX = 64;

/** Directories whose parents are remembered. */
const PARENTS_MAX = 20_000;

/** Directories that may be in the middle of being listed at the same time. */
const READINGS_MAX = 16;

/** Entries that are kept decoded: files that are being read, directories that were listed by name and come next. */
const NODES_MAX = 2048;

/** What an {@link ArchiveTree} is made of. */
export interface ArchiveTreeParts {
  readonly tree: PxarTree;
  /** Bytes of the archive that the tree is in. */
  readonly archiveBytes: number;
  /** Told at which ascending offsets of it entries will be wanted soon. */
  readonly expect: (offsets: readonly number[]) => void;
  readonly content: FileContent;
  /** Counts to show; without them files have one link and directories say that theirs is not known. */
  readonly census: ArchiveCensus | undefined;
  /** Inode number that is added to the archive's own. */
  readonly inodeBase: number;
  /** Inode number of the root directory, and of what is above it. */
  readonly rootInode: number;
  readonly parentInode: number;
}

/** A directory that is being listed, as far as it has been read. */
interface Reading {
  readonly listing: PxarListing;
  /** Read, but not in {@link entries} yet. */
  nodes: PxarNode[];
  readonly entries: DirectoryEntry[];
}

interface Listing {
  readonly entries: readonly DirectoryEntry[];
  /** Inode numbers of the directories among them. */
  readonly directories: readonly number[];
}

/** Inode numbers that an archive of this many metadata bytes takes up, from its base on. */
export function inodeSpanOf(archiveBytes: number): number {
  return 2 * archiveBytes + 2;
}

/**
 * The tree in one archive as files and directories with inode numbers.
 *
 * The number of a file is twice the archive offset of its FILENAME item; that of a directory, twice the offset of its last
 * byte, plus one. So numbers are unique, the same whenever the same archive is mounted, and lead back to the entry: nothing
 * has to be remembered about what the kernel knows. All names of a file share the number of the first.
 *
 * Keeps the last listings and entries, within fixed numbers, to be fast; and the parents of listed directories.
 */
export class ArchiveTree {
  readonly #parts: ArchiveTreeParts;
  readonly #listings: LRUCache<number, Listing>;
  readonly #parents: LRUCache<number, number>;
  readonly #nodes: LRUCache<number, PxarOwnNode>;
  readonly #paths: FilePaths;
  readonly #readings = new LRUCache<number, Reading>({ max: READINGS_MAX });
  readonly #walk = new WalkAhead();

  constructor(parts: ArchiveTreeParts) {
    this.#parts = parts;
    this.#paths = new FilePaths(parts.tree);
    this.#listings = new LRUCache({
      maxSize: LISTED_ENTRIES_MAX,
      sizeCalculation: ({ entries }) => entries.length + LISTING_OVERHEAD_ENTRIES,
    });
    this.#parents = new LRUCache({ max: PARENTS_MAX });
    this.#nodes = new LRUCache({ max: NODES_MAX });
  }

  /**
   * Attributes of the root directory without reading more of the archive than its beginning.
   *
   * Its link count is known only once something in the archive was used; until then they are provisional.
   */
  rootAttributes(): Attributes {
    return this.#attributes(this.#parts.tree.root());
  }

  lookup(parent: number, name: Uint8Array): Attributes {
    const directory = this.#directory(parent, "look up a name");
    this.#count("small archives");
    const node = this.#parts.tree.lookup(directory, name);
    if (!node) throw new FsError("ENOENT", "find a name");
    if (node.kind !== "directory") this.#count("all archives");
    return this.#attributes(node);
  }

  getAttributes(ino: number): Attributes {
    this.#count("small archives");
    const node = this.#node(ino);
    if (node.kind !== "directory") this.#count("all archives");
    return this.#attributes(node);
  }

  readDirectory(ino: number): { parent: number; entries: readonly DirectoryEntry[] } {
    const parent =
      ino === this.#parts.rootInode
        ? this.#parts.parentInode
        : (this.#parents.get(ino) ?? this.#parts.rootInode);
    const { entries, directories } = this.#listing(ino);
    for (const directory of directories) this.#parents.set(directory, ino);
    this.#walk.listed(ino, directories);
    return { parent, entries };
  }

  /**
   * Reads a piece of the listing that is likely to be wanted next, if there is one that is not there.
   *
   * Stops in one that is too large to be kept: whoever asks for that goes on where this has stopped.
   *
   * @returns Whether there was something to do.
   */
  prepare(): boolean {
    const ino = this.#walk.next;
    if (ino === undefined || this.#listings.has(ino)) return false;
    try {
      const reading = this.#readingOf(ino);
      if (this.#readPiece(ino, reading)) {
        const counted = reading.entries.length + LISTING_OVERHEAD_ENTRIES;
        if (counted > LISTED_ENTRIES_MAX) this.#walk.giveUp();
        return true;
      }
      this.#listing(ino);
      this.#walk.giveUp();
      return true;
    } catch (error) {
      // If it does not work, whoever asks for the directory learns why.
      this.#walk.giveUp();
      throw error;
    }
  }

  readLink(ino: number): Uint8Array {
    const node = this.#node(ino);
    if (node.kind !== "symlink") throw new FsError("EINVAL", "read a link that is none");
    return node.target;
  }

  read(ino: number, offset: number, size: number): readonly Uint8Array[] {
    const file = this.#file(ino);
    try {
      return this.#parts.content.read(file, offset, size);
    } catch (cause) {
      if (!(cause instanceof FsError || cause instanceof FormatError)) throw cause;
      const code = cause instanceof FsError ? cause.code : "EIO";
      throw new FsError(
        code,
        `read ${size} bytes at ${offset} of file ${this.#paths.quoted(file)}`,
        {
          cause,
        },
      );
    }
  }

  seek(ino: number, offset: number, what: "data" | "hole"): number {
    const file = this.#file(ino);
    if (offset >= file.size) throw new FsError("ENXIO", "seek beyond the end");
    const found = this.#parts.content.find(what, file, offset);
    if (what === "data" && found === file.size) throw new FsError("ENXIO", "find data");
    return found;
  }

  listExtendedAttributes(ino: number): readonly Uint8Array[] {
    return this.#extendedAttributes(ino).map(({ name }) => name);
  }

  getExtendedAttribute(ino: number, name: Uint8Array): Uint8Array | undefined {
    return this.#extendedAttributes(ino).find((attribute) => sameBytes(attribute.name, name))
      ?.value;
  }

  /** What the census knows is not decoded: programs that copy ask three times for every file. */
  #extendedAttributes(ino: number): readonly ExtendedAttribute[] {
    if (this.#parts.census?.lacksAttributes(this.#localInode(ino)) === true) return NO_ATTRIBUTES;
    return extendedAttributesOf(this.#node(ino).metadata);
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
    const directory = this.#directory(ino, "list");
    this.#count("small archives");
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
        const attributes = this.#attributes(node);
        reading.entries.push({ name: node.name, attributes });
        // Who walks a tree opens them next.
        if (node.kind === "directory") this.#nodes.set(attributes.ino, node);
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

  /** Completes the census: of a long archive only where no provisional answer will do. */
  #count(which: "small archives" | "all archives"): void {
    const { census, archiveBytes } = this.#parts;
    if (which === "all archives" || archiveBytes <= COUNTED_FIRST_BYTES_MAX) census?.complete();
  }

  #attributes(node: PxarNode): Attributes {
    const attributes = this.#countedAttributes(node);
    if (this.#parts.census?.isComplete !== false) return attributes;
    // Programs take directories with one link for such whose count is not known.
    const nlink = node.kind === "directory" ? 1 : attributes.nlink;
    return { ...attributes, nlink, isProvisional: true };
  }

  #countedAttributes(node: PxarNode): Attributes {
    const { tree, census, inodeBase } = this.#parts;
    if (node.kind === "hardlink") {
      const target = tree.resolveHardLink(node);
      return attributesOf(
        target,
        inodeBase + localInodeOfLeaf(target.nameOffset),
        Math.max(2, census?.namesOf(target.nameOffset) ?? 2),
        this.#zeroBytes(target),
      );
    }
    if (node.kind === "directory") {
      return attributesOf(
        node,
        this.#inodeOfDirectory(node),
        census?.linksOfDirectory(node.end) ?? 1,
      );
    }
    return attributesOf(
      node,
      inodeBase + localInodeOfLeaf(node.nameOffset),
      node.kind === "file" ? (census?.namesOf(node.nameOffset) ?? 1) : 1,
      node.kind === "file" ? this.#zeroBytes(node) : 0,
    );
  }

  /** Bytes of holes; where that cannot be found out, the file is shown as having none. */
  #zeroBytes(file: PxarFile): number {
    try {
      return this.#parts.content.zeroBytes(file);
    } catch (error) {
      if (error instanceof FsError || error instanceof FormatError) return 0;
      throw error;
    }
  }

  #inodeOfDirectory({ end }: PxarDirectory): number {
    const { tree, inodeBase, rootInode } = this.#parts;
    return end === tree.root().end ? rootInode : inodeBase + localInodeOfDirectory(end);
  }

  #localInode(ino: number): number {
    const { tree, inodeBase, rootInode } = this.#parts;
    return ino === rootInode ? localInodeOfDirectory(tree.root().end) : ino - inodeBase;
  }

  #node(ino: number): PxarOwnNode {
    const { tree, inodeBase, rootInode } = this.#parts;
    if (ino === rootInode) return tree.root();
    const known = this.#nodes.get(ino);
    if (known) return known;
    const local = ino - inodeBase;
    const node = local % 2 === 1 ? tree.directoryAt((local - 1) / 2 + 1) : tree.nodeAt(local / 2);
    if (node.kind === "hardlink") throw new FsError("ESTALE", "use an inode that is not there");
    this.#nodes.set(ino, node);
    return node;
  }

  #directory(ino: number, action: string): PxarDirectory {
    const { rootInode, inodeBase } = this.#parts;
    if (ino !== rootInode && (ino - inodeBase) % 2 === 0) {
      throw new FsError("ENOTDIR", `${action} in a file`);
    }
    const node = this.#node(ino);
    if (node.kind !== "directory") throw new FsError("ENOTDIR", `${action} in a file`);
    return node;
  }

  #file(ino: number): PxarFile {
    const node = this.#node(ino);
    if (node.kind !== "file") throw new FsError("EISDIR", "read what is not a file");
    return node;
  }
}

function attributesOf(node: PxarOwnNode, ino: number, nlink: number, zeroBytes = 0): Attributes {
  const { mode, uid, gid, mtimeSec, mtimeNanos } = node.metadata;
  const isDevice = node.kind === "block-device" || node.kind === "character-device";
  return {
    ino,
    kind: node.kind,
    mode,
    nlink,
    uid,
    gid,
    size: sizeOf(node),
    allocatedBytes: sizeOf(node) - zeroBytes,
    deviceMajor: isDevice ? node.major : 0,
    deviceMinor: isDevice ? node.minor : 0,
    mtimeSec,
    mtimeNanos,
  };
}

function sizeOf(node: PxarOwnNode): number {
  if (node.kind === "file") return node.size;
  return node.kind === "symlink" ? node.target.length : 0;
}

const NO_ATTRIBUTES: readonly ExtendedAttribute[] = [];

import { LRUCache } from "lru-cache";

import { FormatError } from "../format/format-error.ts";
import { sameBytes } from "../format/pxar/metadata.ts";
import {
  type PxarDirectory,
  type PxarFile,
  type PxarNode,
  type PxarOwnNode,
} from "../format/pxar/node.ts";
import { type PxarTree } from "../format/pxar/tree-reader.ts";
import { ArchiveListings } from "./archive-listings.ts";
import { type ArchiveCensus, localInodeOfDirectory, localInodeOfLeaf } from "./archive-census.ts";
import { type Attributes, type DirectoryEntry } from "./file-system.ts";
import { type FileContent } from "./file-content.ts";
import { type ExtendedAttribute, extendedAttributesOf } from "./extended-attributes.ts";
import { FilePaths } from "./file-paths.ts";
import { FsError } from "./fs-error.ts";

/**
 * Longest archive that is read whole before anything of it is shown, some 50 ms of work. In longer ones link counts are
 * provisional until somebody asks for the attributes of a file.
 */
const COUNTED_FIRST_BYTES_MAX = 8 * 1024 * 1024;

/** Directories whose parents are remembered. */
const PARENTS_MAX = 20_000;

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
 * Keeps the last entries, within a fixed number, to be fast; and the parents of listed directories.
 */
export class ArchiveTree {
  readonly #parts: ArchiveTreeParts;
  readonly #listings: ArchiveListings;
  readonly #parents: LRUCache<number, number>;
  readonly #nodes: LRUCache<number, PxarOwnNode>;
  readonly #paths: FilePaths;
  #isExpected = false;

  constructor(parts: ArchiveTreeParts) {
    this.#parts = parts;
    this.#paths = new FilePaths(parts.tree);
    this.#listings = new ArchiveListings({
      tree: parts.tree,
      expect: parts.expect,
      directoryOf: (ino) => {
        const directory = this.#directory(ino, "list");
        this.#count("small archives");
        return directory;
      },
      attributesOf: (node) => this.#listedAttributes(node),
    });
    // By size: with a number of entries the room for all is made at once, 2 ms that the first who looks would wait for.
    this.#parents = new LRUCache({ maxSize: PARENTS_MAX, sizeCalculation: () => 1 });
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
    const { entries, directories } = this.#listings.list(ino);
    for (const directory of directories) this.#parents.set(directory, ino);
    return { parent, entries };
  }

  /** Asks, once, for what whoever goes into the archive needs first: its beginning, and its end, where the table of the root directory is. */
  expectUse(): void {
    if (this.#isExpected) return;
    this.#isExpected = true;
    this.#parts.expect([0, Math.max(0, this.#parts.archiveBytes - 1)]);
  }

  /** Expects that somebody lists the root directory next, for {@link prepare}. */
  expectRootListing(): void {
    this.expectUse();
    this.#listings.expect(this.#parts.rootInode);
  }

  /** Works on the listing that is likely to be wanted next; see {@link ArchiveListings.prepare}. */
  prepare(): boolean {
    return this.#listings.prepare();
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

  /** Completes the census: of a long archive only where no provisional answer will do. */
  #count(which: "small archives" | "all archives"): void {
    const { census, archiveBytes } = this.#parts;
    if (which === "all archives" || archiveBytes <= COUNTED_FIRST_BYTES_MAX) census?.complete();
  }

  #listedAttributes(node: PxarNode): Attributes {
    const attributes = this.#attributes(node);
    // Who walks a tree opens them next.
    if (node.kind === "directory") this.#nodes.set(attributes.ino, node);
    return attributes;
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

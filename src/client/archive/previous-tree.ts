import { FormatError } from "../../format/format-error.ts";
import { type PxarDirectory, type PxarFile, type PxarNode } from "../../format/pxar/node.ts";
import { type PxarTree } from "../../format/pxar/tree-reader.ts";
import { compareBytes } from "../source/compare-bytes.ts";

/** From this size of its content on, a directory of the previous archive is not listed but searched name by name. */
const LISTED_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Follows a walk over a source tree through the metadata archive of an earlier backup.
 *
 * The source names come in byte order, and so do those of archives, so the files of a directory are found by going
 * through both lists once. Archives in another order, or of huge directories, are searched by their
 * goodbye tables. A part of the archive that is damaged counts as if it were not there.
 */
export class PreviousTree {
  readonly #tree: PxarTree;
  readonly #levels: (PreviousLevel | undefined)[] = [];

  constructor(tree: PxarTree) {
    this.#tree = tree;
  }

  /** The walk enters the root. */
  enterRoot(): void {
    this.#levels.push(this.#tolerant(() => new PreviousLevel(this.#tree, this.#tree.root())));
  }

  /** The walk enters a directory of the current one. */
  enter(name: Uint8Array): void {
    const level = this.#levels.at(-1);
    this.#levels.push(
      level &&
        this.#tolerant(() => {
          const node = level.find(name);
          return node?.kind === "directory" ? new PreviousLevel(this.#tree, node) : undefined;
        }),
    );
  }

  /** The walk leaves the directory it entered last. */
  leave(): void {
    this.#levels.pop();
  }

  /** The regular file with its own content that had this name in the current directory. */
  file(name: Uint8Array): PxarFile | undefined {
    const level = this.#levels.at(-1);
    const node = level && this.#tolerant(() => level.find(name));
    return node?.kind === "file" && node.payload.archive === "payload" ? node : undefined;
  }

  #tolerant<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }
}

class PreviousLevel {
  readonly #tree: PxarTree;
  readonly #directory: PxarDirectory;
  /** In byte order; `undefined` when the directory is searched by its table. */
  readonly #nodes: readonly PxarNode[] | undefined;
  #next = 0;

  constructor(tree: PxarTree, directory: PxarDirectory) {
    this.#tree = tree;
    this.#directory = directory;
    if (directory.end - directory.contentOffset <= LISTED_BYTES_MAX) {
      const nodes = tree.children(directory);
      if (isSorted(nodes)) this.#nodes = nodes;
    }
  }

  /** Names must be asked for in byte order. */
  find(name: Uint8Array): PxarNode | undefined {
    const nodes = this.#nodes;
    if (nodes === undefined) return this.#tree.lookup(this.#directory, name);
    for (; this.#next < nodes.length; this.#next++) {
      const node = nodes[this.#next];
      if (node === undefined) return undefined;
      const order = compareBytes(node.name, name);
      if (order === 0) return node;
      if (order > 0) return undefined;
    }
    return undefined;
  }
}

function isSorted(nodes: readonly PxarNode[]): boolean {
  for (let i = 1; i < nodes.length; i++) {
    const before = nodes[i - 1];
    const node = nodes[i];
    if (before && node && compareBytes(before.name, node.name) >= 0) return false;
  }
  return true;
}

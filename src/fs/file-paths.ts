import { LRUCache } from "lru-cache";

import { FormatError } from "../format/format-error.ts";
import { type PxarFile } from "../format/pxar/node.ts";
import { pathOfEntry } from "../format/pxar/path-of-entry.ts";
import { type PxarTree } from "../format/pxar/tree-reader.ts";
import { FsError } from "./fs-error.ts";

/** Paths that are remembered: programs try again what they could not read. */
const PATHS_MAX = 64;

/** Names the files of one archive for messages, by their paths. */
export class FilePaths {
  readonly #tree: PxarTree;
  readonly #known = new LRUCache<number, string>({ max: PATHS_MAX });

  constructor(tree: PxarTree) {
    this.#tree = tree;
  }

  /** The path in a form that can be logged, whatever bytes it has; only the name where directories are damaged. */
  quoted({ name, nameOffset }: PxarFile): string {
    let text = this.#known.get(nameOffset);
    if (text === undefined) {
      text = JSON.stringify(new TextDecoder().decode(this.#pathOf(nameOffset) ?? name));
      this.#known.set(nameOffset, text);
    }
    return text;
  }

  #pathOf(nameOffset: number): Uint8Array | undefined {
    try {
      return pathOfEntry(this.#tree, nameOffset);
    } catch (error) {
      if (error instanceof FsError || error instanceof FormatError) return undefined;
      throw error;
    }
  }
}

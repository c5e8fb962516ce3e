import fs from "node:fs";

import { FormatError } from "../../format/format-error.ts";
import { EXCLUDE_FILE_BYTES_MAX } from "../../format/limits.ts";
import { EXCLUDE_FILE_NAME, parseExcludeFile } from "../../format/patterns/exclude-file.ts";
import { type MatchEntry, MatchList } from "../../format/patterns/match-list.ts";
import { sameBytes } from "../../format/pxar/metadata.ts";
import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { FILE_TYPE, statusOf } from "../../linux/file-status.ts";
import { closeDescriptor, openForReading } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type ExcludeRules } from "./exclude-rules.ts";
import { pathOfDirectory, type TreePath } from "./tree-path.ts";

const RULE_FILE: Uint8Array = Buffer.from(EXCLUDE_FILE_NAME);
const SLASH = 0x2f;

/**
 * Leaves out what patterns say: those given at first, and for each directory those of its `.pxarexclude`
 * (spec pxar.md §9.1).
 *
 * A `.pxarexclude` that cannot be read or is too large counts as empty, and that is said.
 */
export class ListedExcludes implements ExcludeRules {
  readonly #list = new MatchList();
  readonly #hiddenInRoot: Uint8Array | undefined;
  /** Directory that {@link #path} begins with. */
  #directory: TreePath | undefined;
  #path = new Uint8Array(256);
  #prefixSize = 0;

  /**
   * Begins with patterns for the whole tree.
   *
   * @param hiddenInRoot A name in the root that is left out whatever patterns say.
   */
  constructor(patterns: Iterable<MatchEntry>, hiddenInRoot?: Uint8Array) {
    this.#list.add(patterns);
    this.#hiddenInRoot = hiddenInRoot;
  }

  enterDirectory(
    handle: DirectoryHandle,
    path: TreePath,
    names: readonly Uint8Array[],
    ignore: (reason: string) => void,
  ): number {
    const mark = this.#list.size;
    if (names.some((name) => sameBytes(name, RULE_FILE))) {
      this.#list.add(readRules(handle, path, ignore));
    }
    return mark;
  }

  leaveDirectory(mark: number): void {
    this.#list.truncate(mark);
  }

  excludes(directory: TreePath, name: Uint8Array, mode: number): boolean {
    const hidden = this.#hiddenInRoot;
    if (hidden && directory.parent === undefined && sameBytes(name, hidden)) return true;
    if (this.#list.size === 0) return false;
    const kind = (mode & FILE_TYPE.mask) === FILE_TYPE.directory ? "directory" : "other";
    return this.#list.verdict(this.#pathOf(directory, name), kind) === "exclude";
  }

  #pathOf(directory: TreePath, name: Uint8Array): Uint8Array {
    if (directory !== this.#directory) {
      const path = pathOfDirectory(directory);
      this.#directory = directory;
      this.#prefixSize = path.length > 0 ? path.length + 2 : 1;
      this.#path = new Uint8Array(this.#prefixSize + 256);
      this.#path[0] = SLASH;
      this.#path.set(path, 1);
      this.#path[this.#prefixSize - 1] = SLASH;
    }
    this.#path.set(name, this.#prefixSize); // Linux names have at most 255 bytes.
    return this.#path.subarray(0, this.#prefixSize + name.length);
  }
}

function readRules(
  handle: DirectoryHandle,
  path: TreePath,
  ignore: (reason: string) => void,
): MatchEntry[] {
  try {
    const fd = openForReading(handle.fd, RULE_FILE);
    try {
      if ((statusOf(fd).mode & FILE_TYPE.mask) !== FILE_TYPE.regular) return [];
      const content = Buffer.alloc(EXCLUDE_FILE_BYTES_MAX + 1);
      let size = 0;
      for (let got = -1; got !== 0 && size < content.length; size += got) {
        got = fs.readSync(fd, content, size, content.length - size, size);
      }
      const directory = pathOfDirectory(path);
      return parseExcludeFile({ content: content.subarray(0, size), directory }, (reason) => {
        ignore(`${EXCLUDE_FILE_NAME}: ${reason}`);
      });
    } finally {
      closeDescriptor(fd);
    }
  } catch (error) {
    const isWorld =
      error instanceof SystemError || error instanceof FormatError || isNodeError(error);
    if (!isWorld) throw error;
    ignore(`${EXCLUDE_FILE_NAME} counts as empty: ${error.message}`);
    return [];
  }
}

function isNodeError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

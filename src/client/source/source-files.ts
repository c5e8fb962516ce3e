import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { FILE_TYPE, type FileStatus, statusOf } from "../../linux/file-status.ts";
import { closeDescriptor, openForReading } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { MetadataReader } from "./metadata.ts";
import { SourceError } from "./source-error.ts";
import { type SourceProblem } from "./source-problem.ts";
import { pathOf, type TreePath } from "./tree-path.ts";
import { type SourceEntry } from "./walk-tree.ts";

/** A regular file that is open for reading. */
export interface OpenSourceFile {
  /** Descriptor that the caller closes. */
  readonly fd: number;
  /** The entry as the inode is now: the one given, unless anything about it has changed. */
  readonly entry: SourceEntry;
}

/** How files are opened. */
export interface SourceFilesOptions {
  /** Whether attribute lists too long for the kernel end the backup or are left out with a report. */
  readonly oversizedAttributes: "fail" | "skip";
  /** Is told of attributes that cannot be read. */
  readonly report: (problem: SourceProblem) => void;
}

interface HeldDirectory {
  readonly path: TreePath;
  readonly handle: DirectoryHandle;
}

/**
 * Opens files of a tree that was walked some time ago.
 *
 * Directories are opened one inside the other without following symbolic links, so no descriptor ever leads out of the
 * tree; those on the way to the file opened last stay open, since the next one mostly lies beside it. What is
 * archived of a file is one state of its inode: when its change time or anything else differs from
 * what the walk saw, status, attributes and flags are read again. Holds one descriptor per level.
 */
export class SourceFiles implements Disposable {
  readonly #root: DirectoryHandle;
  readonly #metadata: MetadataReader;
  /** Directories below the root, each inside the one before it. */
  readonly #held: HeldDirectory[] = [];
  #current: SourceEntry | undefined;

  /** Opens nothing yet; the root stays the caller's. */
  constructor(root: DirectoryHandle, options: SourceFilesOptions) {
    this.#root = root;
    this.#metadata = new MetadataReader({
      oversizedAttributes: options.oversizedAttributes,
      warn: ({ code, effect }) => {
        const entry = this.#current;
        if (!entry) return;
        const path = pathOf(entry.directory, entry.name);
        options.report({ kind: "incomplete", path, reason: `${code}: ${effect}` });
      },
    });
  }

  /**
   * Opens a regular file for reading.
   *
   * @returns `undefined` when something that is no regular file has its name now.
   * @throws {SystemError} As `openat(2)`; `ENOTDIR` or `ELOOP` when something on the way is no directory any more.
   * @throws {SourceError} `SOURCE_ATTRIBUTES_OVERSIZED` when it has changed and the options say so.
   */
  open(entry: SourceEntry): OpenSourceFile | undefined {
    const directory = this.#directory(entry.directory);
    const fd = openForReading(directory.fd, entry.name);
    try {
      const status = statusOf(fd);
      if ((status.mode & FILE_TYPE.mask) !== FILE_TYPE.regular) {
        closeDescriptor(fd);
        return undefined;
      }
      if (isSameState(entry.status, status)) return { fd, entry };
      return { fd, entry: this.#readAgain(entry, directory, status) };
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  /** Closes what is held open. */
  [Symbol.dispose](): void {
    this.#closeFrom(0);
  }

  #readAgain(entry: SourceEntry, directory: DirectoryHandle, status: FileStatus): SourceEntry {
    this.#current = entry;
    try {
      const metadata = this.#metadata.ofEntry(directory, entry.name, status);
      return { ...entry, status, metadata };
    } catch (error) {
      if (!(error instanceof SystemError && error.code === "E2BIG")) throw error;
      const path = `/${Buffer.from(pathOf(entry.directory, entry.name)).toString()}`;
      throw new SourceError("SOURCE_ATTRIBUTES_OVERSIZED", path, { cause: error });
    }
  }

  #directory(path: TreePath): DirectoryHandle {
    const last = this.#held.at(-1);
    if (last?.path === path) return last.handle;
    const way: TreePath[] = [];
    for (let at = path; at.parent !== undefined; at = at.parent) way.push(at);
    way.reverse();
    let depth = 0;
    while (depth < way.length && this.#held[depth]?.path === way[depth]) depth += 1;
    this.#closeFrom(depth);
    let handle = this.#held.at(-1)?.handle ?? this.#root;
    for (const step of way.slice(depth)) {
      handle = handle.openChild(step.name);
      this.#held.push({ path: step, handle });
    }
    return handle;
  }

  #closeFrom(depth: number): void {
    for (const { handle } of this.#held.splice(depth)) handle.close();
  }
}

/** The change time tells of everything that can happen to an inode; the rest is for file systems without one. */
function isSameState(before: FileStatus, now: FileStatus): boolean {
  return (
    before.ctimeNsec === now.ctimeNsec &&
    before.ctimeSec === now.ctimeSec &&
    before.size === now.size &&
    before.mtimeNsec === now.mtimeNsec &&
    before.mtimeSec === now.mtimeSec &&
    before.inode === now.inode &&
    before.mode === now.mode &&
    before.uid === now.uid &&
    before.gid === now.gid
  );
}

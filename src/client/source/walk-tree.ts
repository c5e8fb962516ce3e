import { type PxarMetadata } from "../../format/pxar/metadata.ts";
import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { FILE_TYPE, type FileStatus, statusAt, statusOf } from "../../linux/file-status.ts";
import { fileSystemTypeOf, isVirtualFileSystem } from "../../linux/file-system-type.ts";
import { readLinkAt } from "../../linux/name-calls.ts";
import { SystemError } from "../../linux/system-error.ts";
import { compareBytes } from "./compare-bytes.ts";
import { type ExcludeRules } from "./exclude-rules.ts";
import { MetadataReader } from "./metadata.ts";
import { SourceError } from "./source-error.ts";
import { type SourceProblem, type SourceProblemKind } from "./source-problem.ts";
import { pathOf, pathOfDirectory, ROOT_PATH, type TreePath } from "./tree-path.ts";

/** One entry of the tree, read but not opened. */
export interface SourceEntry {
  /** Directory it lies in; the root's own is the root. */
  readonly directory: TreePath;
  /** Any bytes but NUL and slash; empty for the root. Owned. */
  readonly name: Uint8Array;
  readonly status: FileStatus;
  readonly metadata: PxarMetadata;
  /** Of a symbolic link; empty otherwise. */
  readonly target: Uint8Array;
}

/** Is told of every entry, in archive order. */
export interface TreeVisitor {
  /** A directory starts, the root first; everything up to the matching {@link leaveDirectory} lies in it. */
  enterDirectory(entry: SourceEntry): void;
  /** The directory that was entered last is complete. */
  leaveDirectory(): void;
  /** Anything but a directory. */
  visitEntry(entry: SourceEntry): void;
}

/** How to walk. */
export interface WalkOptions {
  /** What to leave out. */
  readonly excludes: ExcludeRules;
  /** Devices (as in `FileStatus`) that may be entered besides the root's, or all of them. */
  readonly devices: ReadonlySet<number> | "all";
  /** Most directory entries held in memory: those of all directories on the current path. */
  readonly entriesMax: number;
  /** Whether attribute lists too long for the kernel end the backup or are left out with a report. */
  readonly oversizedAttributes: "fail" | "skip";
  /** Is told of everything that cannot be read. */
  readonly report: (problem: SourceProblem) => void;
}

const SELF = Uint8Array.of(0x2e);
const NOTHING = new Uint8Array(0);

/**
 * Walks a directory tree in archive order: the names of each directory sorted by their bytes, depth first.
 *
 * Reads status, metadata and link targets, not content; never follows a symbolic link below the root and holds one
 * descriptor per level. Directories on other devices are visited as empty, file systems without content (proc and its
 * kind) too, whatever the options say (spec pxar.md §8.7). What cannot be read is reported and left out.
 *
 * @throws {SourceError} `SOURCE_VIRTUAL`, `SOURCE_ENTRIES_MAX`, `SOURCE_ATTRIBUTES_OVERSIZED`.
 */
export function walkTree(root: DirectoryHandle, options: WalkOptions, visitor: TreeVisitor): void {
  new TreeWalk(root, options, visitor).run();
}

class TreeWalk {
  readonly #root: DirectoryHandle;
  readonly #options: WalkOptions;
  readonly #visitor: TreeVisitor;
  readonly #metadata: MetadataReader;
  #rootDevice = 0;
  #entryCount = 0;
  /** Where the metadata reader is, for its warnings. */
  #currentDirectory: TreePath = ROOT_PATH;
  #currentName: Uint8Array = NOTHING;

  constructor(root: DirectoryHandle, options: WalkOptions, visitor: TreeVisitor) {
    this.#root = root;
    this.#options = options;
    this.#visitor = visitor;
    this.#metadata = new MetadataReader({
      oversizedAttributes: options.oversizedAttributes,
      warn: ({ code, effect }) => {
        this.#report("incomplete", `${code}: ${effect}`);
      },
    });
  }

  run(): void {
    const status = statusAt(this.#root.fd, SELF);
    if (isVirtualFileSystem(fileSystemTypeOf(this.#root.fd))) {
      throw new SourceError("SOURCE_VIRTUAL", "/");
    }
    this.#rootDevice = status.device;
    const metadata = this.#metadata.ofDirectory(this.#root, status);
    const entry = { directory: ROOT_PATH, name: NOTHING, status, metadata, target: NOTHING };
    this.#visitor.enterDirectory(entry);
    this.#walkDirectory(this.#root, ROOT_PATH);
    this.#visitor.leaveDirectory();
  }

  #walkDirectory(handle: DirectoryHandle, path: TreePath): void {
    const names = this.#readNames(handle, path);
    const { excludes } = this.#options;
    const mark = excludes.enterDirectory(handle, path, names, (reason) => {
      this.#currentDirectory = path;
      this.#currentName = NOTHING;
      this.#report("ignored", reason);
    });
    this.#entryCount += names.length;
    if (this.#entryCount > this.#options.entriesMax) {
      throw new SourceError("SOURCE_ENTRIES_MAX", text(pathOfDirectory(path)));
    }
    for (const name of names) {
      this.#currentDirectory = path;
      this.#currentName = name;
      try {
        this.#walkName(handle, path, name);
      } catch (error) {
        this.#reportFailure(error, path, name);
      }
    }
    this.#entryCount -= names.length;
    excludes.leaveDirectory(mark);
  }

  #readNames(handle: DirectoryHandle, path: TreePath): Uint8Array[] {
    try {
      return handle.readNames().sort(compareBytes);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#currentDirectory = path;
      this.#currentName = NOTHING;
      this.#report("incomplete", `${error.code}: archived as an empty directory`);
      return [];
    }
  }

  #walkName(handle: DirectoryHandle, path: TreePath, name: Uint8Array): void {
    const status = statusAt(handle.fd, name);
    const kind = status.mode & FILE_TYPE.mask;
    if (this.#options.excludes.excludes(path, name, status.mode)) return;
    if (kind === FILE_TYPE.directory) {
      this.#walkChild(handle, path, name);
      return;
    }
    const entry = {
      directory: path,
      name,
      status,
      metadata: this.#metadata.ofEntry(handle, name, status),
      target: kind === FILE_TYPE.symlink ? readLinkAt(handle.fd, name) : NOTHING,
    };
    this.#visitor.visitEntry(entry);
  }

  #walkChild(parent: DirectoryHandle, path: TreePath, name: Uint8Array): void {
    using handle = parent.openChild(name);
    const status = statusOf(handle.fd);
    const metadata = this.#metadata.ofDirectory(handle, status);
    const mayEnter = this.#mayEnter(handle, status.device);
    this.#visitor.enterDirectory({ directory: path, name, status, metadata, target: NOTHING });
    if (mayEnter) this.#walkDirectory(handle, { parent: path, name });
    this.#visitor.leaveDirectory();
  }

  #mayEnter(handle: DirectoryHandle, device: number): boolean {
    if (device === this.#rootDevice) return true;
    const { devices } = this.#options;
    if (devices !== "all" && !devices.has(device)) return false;
    return !isVirtualFileSystem(fileSystemTypeOf(handle.fd));
  }

  #reportFailure(error: unknown, path: TreePath, name: Uint8Array): void {
    if (!(error instanceof SystemError)) throw error;
    this.#currentDirectory = path;
    this.#currentName = name;
    if (error.code === "E2BIG") {
      const place = text(pathOf(path, name));
      throw new SourceError("SOURCE_ATTRIBUTES_OVERSIZED", place, { cause: error });
    }
    const isGone = error.code === "ENOENT" || error.code === "ESTALE";
    this.#report(isGone ? "vanished" : "unreadable", `${error.code}: left out`);
  }

  #report(kind: SourceProblemKind, reason: string): void {
    const path =
      this.#currentName.length === 0
        ? pathOfDirectory(this.#currentDirectory)
        : pathOf(this.#currentDirectory, this.#currentName);
    this.#options.report({ kind, path, reason });
  }
}

function text(path: Uint8Array): string {
  return `/${Buffer.from(path).toString()}`;
}

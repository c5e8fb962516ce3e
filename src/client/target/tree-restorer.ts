import { type PxarMetadata } from "../../format/pxar/metadata.ts";
import {
  type PxarDevice,
  type PxarDirectory,
  type PxarFile,
  type PxarHardLink,
  type PxarOwnNode,
  type PxarSymlink,
} from "../../format/pxar/node.ts";
import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { FILE_TYPE } from "../../linux/file-status.ts";
import {
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  type PlaceOfName,
  unlinkAt,
} from "../../linux/name-calls.ts";
import { closeDescriptor, OPEN_FLAGS, openAt } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { pathOf, pathOfDirectory, ROOT_PATH, type TreePath } from "../source/tree-path.ts";
import { linkBelow, linkTargetNames } from "./link-below.ts";
import { MetadataWriter } from "./metadata-writer.ts";
import { RestoreError } from "./restore-error.ts";
import { type RestoreProblem, type RestoreProblemKind } from "./restore-problem.ts";
import { type RestoreCounter, type RestoreOptions } from "./restore-request.ts";

import { SparseWriter } from "./sparse-writer.ts";

/** What a {@link TreeRestorer} works with. */
export interface TreeRestorerOptions {
  /** Directory to restore into, open; it becomes the root of the archive. */
  readonly root: DirectoryHandle;
  readonly options: RestoreOptions;
  readonly counters: SharedCounters<RestoreCounter>;
  /** Told of the first entry of each kind of problem. */
  readonly report: (problem: RestoreProblem) => void;
}

interface OpenDirectory {
  readonly handle: DirectoryHandle;
  readonly path: TreePath;
  /** Set when the directory is left; `undefined` for those that only lead to what was wanted. */
  readonly metadata: PxarMetadata | undefined;
}

/** Permission bits while something is being restored: nobody else sees half of it. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;

/**
 * Makes the entries of an archive below an open directory, in archive order.
 *
 * Every name is used relative to the descriptor of its directory, and nothing on the way is a symbolic link: neither one
 * that was there nor one from the archive can lead out of the target. Files are always made new; what is to be
 * overwritten is removed first. Directories get their metadata when they are left, so that they can be filled.
 *
 * @throws {RestoreError} From every method: what is there may not be overwritten, or a system call failed that no other
 *   entry would do better at.
 */
export class TreeRestorer {
  readonly #root: DirectoryHandle;
  readonly #options: RestoreOptions;
  readonly #counters: SharedCounters<RestoreCounter>;
  readonly #report: (problem: RestoreProblem) => void;
  readonly #metadata: MetadataWriter;
  readonly #content: SparseWriter;
  readonly #open: OpenDirectory[] = [];
  readonly #reported = new Set<string>();
  #name: Uint8Array = new Uint8Array(0);

  constructor({ root, options, counters, report }: TreeRestorerOptions) {
    this.#root = root;
    this.#options = options;
    this.#counters = counters;
    this.#report = report;
    this.#content = new SparseWriter(options.zeros);
    this.#metadata = new MetadataWriter(options.ignore, (kind, reason) => {
      this.#reportOnce(kind, reason);
    });
  }

  /** Begins; the root gets its metadata in the end, unless it only leads to what is wanted. */
  enterRoot(metadata: PxarMetadata | undefined): void {
    this.#open.push({ handle: this.#root, path: ROOT_PATH, metadata });
  }

  /** Makes a directory, or uses the one that is there, and enters it. */
  enterDirectory({ name }: PxarDirectory, metadata: PxarMetadata | undefined): void {
    this.#name = name;
    const { handle, path } = this.#top();
    this.#attempt(() => {
      try {
        makeDirectoryAt(handle.fd, name, PRIVATE_DIRECTORY);
      } catch (error) {
        if (!isExisting(error)) throw error;
        if (this.#options.existingDirectories === "refuse") throw this.#exists();
      }
      const child = handle.openChild(name);
      this.#open.push({ handle: child, path: { parent: path, name }, metadata });
    });
    this.#counters.add("entries", 1);
  }

  /** Leaves the directory entered last, and gives it its metadata. */
  leaveDirectory(): void {
    const directory = this.#open.pop();
    if (!directory) throw new TypeError("no directory is open");
    const { handle, metadata, path } = directory;
    if (metadata) {
      this.#name = path.name;
      this.#metadata.finishOpen(handle.fd, metadata);
    }
    if (handle !== this.#root) handle.close();
  }

  /**
   * Makes a regular file.
   *
   * @param readPiece Gives the next piece of content from an offset in the file, at least one byte; borrowed.
   */
  addFile(
    { name, metadata, size }: PxarFile,
    readPiece: (offset: number, sizeMax: number) => Uint8Array,
  ): void {
    this.#name = name;
    const fd = this.#createFile(name);
    try {
      this.#metadata.startFile(fd, metadata);
      this.#content.start();
      for (let offset = 0; offset < size;) {
        const piece = readPiece(offset, size - offset);
        this.#attempt(() => {
          this.#content.write(fd, piece, offset);
        });
        offset += piece.length;
      }
      this.#attempt(() => {
        this.#content.finish(fd, size);
      });
      this.#metadata.finishOpen(fd, metadata);
    } finally {
      closeDescriptor(fd);
    }
    this.#counters.add("entries", 1);
    this.#counters.add("bytes", size);
  }

  /** Makes a symbolic link. */
  addSymlink({ name, metadata, target }: PxarSymlink): void {
    this.#make(name, this.#options.overwrite.symlinks, ({ directoryFd }) => {
      makeSymlinkAt(directoryFd, { name, target });
    });
    this.#metadata.finishNamed(this.#place(name), metadata, true);
  }

  /** Makes a device, fifo or socket; what may not be made is reported, if the options allow it. */
  addSpecial(node: Exclude<PxarOwnNode, PxarFile | PxarDirectory | PxarSymlink>): void {
    const { name, metadata } = node;
    const numbers = isDevice(node) ? node : { major: 0, minor: 0 };
    const mode = (metadata.mode & FILE_TYPE.mask) | PRIVATE_FILE;
    try {
      this.#make(name, this.#options.overwrite.special, ({ directoryFd }) => {
        makeNodeAt(directoryFd, { name, mode, major: numbers.major, minor: numbers.minor });
      });
    } catch (error) {
      const isRefused = error instanceof RestoreError && error.cause instanceof SystemError;
      const isTolerated = this.#options.deviceErrors === "report" || process.getuid?.() !== 0;
      if (!isRefused || !isTolerated) throw error;
      this.#reportOnce("device", errnoOf(error.cause));
      return;
    }
    this.#metadata.finishNamed(this.#place(name), metadata, false);
  }

  /** Gives a restored file a further name. */
  addHardLink({ name, targetPath }: PxarHardLink): void {
    const target = linkTargetNames(targetPath);
    try {
      this.#make(name, this.#options.overwrite.hardLinks, (place) => {
        linkBelow(this.#root, target, place);
      });
    } catch (error) {
      const code = error instanceof RestoreError ? errnoOf(error.cause) : "";
      if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw error;
      this.#reportOnce("hardlink", code);
    }
  }

  /** Closes what is open, after a failure. */
  close(): void {
    for (const { handle } of this.#open.splice(0)) if (handle !== this.#root) handle.close();
  }

  #createFile(name: Uint8Array): number {
    let fd = -1;
    this.#make(name, this.#options.overwrite.files, ({ directoryFd }) => {
      fd = openAt(directoryFd, name, NEW_FILE, PRIVATE_FILE);
    });
    return fd;
  }

  /** Makes something with a name that is free, or that may be freed. */
  #make(name: Uint8Array, mayReplace: boolean, make: (place: PlaceOfName) => void): void {
    this.#name = name;
    const place = this.#place(name);
    this.#attempt(() => {
      try {
        make(place);
      } catch (error) {
        if (!isExisting(error)) throw error;
        if (!mayReplace) throw this.#exists();
        unlinkAt(place.directoryFd, name);
        make(place);
      }
    });
  }

  #place(name: Uint8Array): PlaceOfName {
    return { directoryFd: this.#top().handle.fd, name };
  }

  #top(): OpenDirectory {
    const directory = this.#open.at(-1);
    if (!directory) throw new TypeError("no directory is open");
    return directory;
  }

  #attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const failure = new RestoreError("RESTORE_FAILED", this.#pathText(), error.message);
      failure.cause = error;
      throw failure;
    }
  }

  #exists(): RestoreError {
    return new RestoreError("RESTORE_EXISTS", this.#pathText());
  }

  #reportOnce(kind: RestoreProblemKind, reason: string): void {
    const key = `${kind} ${reason}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#report({ kind, path: this.#path(), reason });
  }

  #path(): Uint8Array {
    const directory = this.#open.at(-1);
    if (!directory) return new Uint8Array(0);
    return this.#name.length === 0
      ? pathOfDirectory(directory.path)
      : pathOf(directory.path, this.#name);
  }

  #pathText(): string {
    return Buffer.from(this.#path()).toString();
  }
}

const NEW_FILE = OPEN_FLAGS.write | OPEN_FLAGS.create | OPEN_FLAGS.exclusive | OPEN_FLAGS.noFollow;

function isExisting(error: unknown): boolean {
  return error instanceof SystemError && error.code === "EEXIST";
}

function isDevice(node: { readonly kind: string }): node is PxarDevice {
  return node.kind === "block-device" || node.kind === "character-device";
}

function errnoOf(error: unknown): string {
  return error instanceof SystemError ? error.code : "";
}

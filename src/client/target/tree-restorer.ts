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
import { SystemError } from "../../linux/system-error.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { pathOf, ROOT_PATH } from "../source/tree-path.ts";
import { type DirectoryPlace, type EntrySink } from "./entry-sink.ts";
import { type FileQueue } from "./file-queue.ts";
import { type FileWriter, PRIVATE_FILE } from "./file-writer.ts";
import { linkBelow, linkTargetNames } from "./link-below.ts";
import { MetadataWriter } from "./metadata-writer.ts";
import { RestoreError } from "./restore-error.ts";
import { type RestoreProblem, type RestoreProblemKind } from "./restore-problem.ts";
import { type RestoreCounter, type RestoreOptions } from "./restore-request.ts";

/** What a {@link TreeRestorer} works with. */
export interface TreeRestorerOptions {
  /** Directory to restore into, open; it becomes the root of the archive, and belongs to the restorer. */
  readonly root: DirectoryHandle;
  /** Threads that make files; without any, this one does. */
  readonly queues: readonly FileQueue[];
  readonly direct: FileWriter;
  readonly options: RestoreOptions;
  readonly counters: SharedCounters<RestoreCounter>;
  /** Told of the first entry of each kind of problem. */
  readonly report: (problem: RestoreProblem) => void;
}

interface OpenDirectory {
  readonly handle: DirectoryHandle;
  readonly place: DirectoryPlace;
  /** Makes the files of this directory. */
  readonly sink: EntrySink;
  /** Set when the directory is left; `undefined` for those that only lead to what was wanted. */
  readonly metadata: PxarMetadata | undefined;
}

/** Permission bits while something is being restored: nobody else reaches into it. */
const PRIVATE_DIRECTORY = 0o700;

/**
 * Makes the entries of an archive below an open directory: directories, links and special files here and in archive order,
 * the files of a directory all in one thread.
 *
 * Every name is used relative to the descriptor of its directory, and nothing on the way is a symbolic link: neither one
 * that was there nor one from the archive can lead out of the target. Files are always made new; what is to be
 * overwritten is removed first. A directory gets its metadata from the thread that makes its files, after the last of them;
 * a hard link waits until all files before it are there.
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
  readonly #queues: readonly FileQueue[];
  readonly #direct: FileWriter;
  readonly #open: OpenDirectory[] = [];
  /** Names of directories entered below {@link #open} that only lead somewhere, and are made with the first thing in them. */
  #leading: Uint8Array[] = [];
  readonly #reported = new Set<string>();
  #name: Uint8Array = new Uint8Array(0);

  constructor({ root, options, counters, report, queues, direct }: TreeRestorerOptions) {
    this.#root = root;
    this.#options = options;
    this.#counters = counters;
    this.#report = report;
    this.#queues = queues;
    this.#direct = direct;
    this.#metadata = new MetadataWriter(options.ignore, (kind, reason) => {
      this.#reportOnce(kind, reason);
    });
  }

  /** Begins; the root gets its metadata in the end, unless it only leads to what is wanted. */
  enterRoot(metadata: PxarMetadata | undefined): void {
    const place = { fd: this.#root.fd, path: ROOT_PATH, access: "shared" } as const;
    this.#open.push({ handle: this.#root, place, sink: this.#idlest(), metadata });
  }

  /**
   * Enters a directory, made or there already; one that only leads to what is wanted is made when something in it is.
   *
   * @param metadata `undefined` for one that only leads.
   */
  enterDirectory({ name }: PxarDirectory, metadata: PxarMetadata | undefined): void {
    if (metadata === undefined) this.#leading.push(name);
    else this.#makeDirectory(name, metadata);
  }

  /** Leaves the directory entered last, and gives it its metadata. */
  leaveDirectory(): void {
    if (this.#leading.pop()) return;
    const directory = this.#open.pop();
    if (!directory) throw new TypeError("no directory is open");
    directory.sink.leave(directory.place, directory.metadata);
  }

  /**
   * Makes a regular file.
   *
   * The first piece is read before the file is made, so that what cannot be read does not replace what is there.
   *
   * @param readPiece Gives the next piece of content from an offset in the file, at least one byte; borrowed. When it
   *   throws, the file is removed.
   */
  addFile(
    { name, metadata, size }: PxarFile,
    readPiece: (offset: number, sizeMax: number) => Uint8Array,
  ): void {
    const { sink, place } = this.#top();
    this.#name = name;
    let piece = size > 0 ? readPiece(0, size) : undefined;
    sink.begin(place, { name, metadata, size });
    for (let offset = 0; piece;) {
      sink.write(piece, offset);
      offset += piece.length;
      try {
        piece = offset < size ? readPiece(offset, size - offset) : undefined;
      } catch (error) {
        sink.abandon();
        throw error;
      }
    }
    sink.end();
    this.#counters.add("entries", 1);
    this.#counters.add("bytes", size);
  }

  /** Path of the entry that was begun last, any bytes; it was begun in a directory that is there. */
  get path(): Uint8Array {
    const directory = this.#open.at(-1);
    return directory ? pathOf(directory.place.path, this.#name) : new Uint8Array(0);
  }

  /** Path of a name in the directory entered last, any bytes. */
  pathOf(name: Uint8Array): Uint8Array {
    return pathOf(this.#top().place.path, name);
  }

  /** Waits until everything has been made that was asked for. */
  drain(): void {
    for (const queue of this.#queues) queue.drain();
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
    this.drain();
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

  /** Gives up what is under way and closes what is open, after a failure. */
  close(): void {
    this.#direct.close();
    this.drain();
    for (const { handle } of this.#open.splice(0)) handle.close();
  }

  /** Who makes the files of the next directory. */
  #idlest(): EntrySink {
    let idlest: FileQueue | undefined;
    for (const queue of this.#queues) {
      if (!idlest || queue.pendingBytes < idlest.pendingBytes) idlest = queue;
    }
    return idlest ?? this.#direct;
  }

  /** Makes something with a name that is free, or that may be freed. */
  #make(name: Uint8Array, mayReplace: boolean, make: (place: PlaceOfName) => void): void {
    const place = this.#place(name);
    this.#name = name;
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

  /** Makes a directory in the one that was made last, unless it is there, and enters it. */
  #makeDirectory(name: Uint8Array, metadata: PxarMetadata | undefined): void {
    const { handle, place } = this.#top();
    this.#name = name;
    this.#attempt(() => {
      let access: DirectoryPlace["access"] = "private";
      try {
        makeDirectoryAt(handle.fd, name, PRIVATE_DIRECTORY);
      } catch (error) {
        if (!isExisting(error)) throw error;
        if (this.#options.existingDirectories === "refuse") throw this.#exists();
        access = "shared";
      }
      const child = handle.openChild(name);
      const path = { parent: place.path, name };
      const inside = { fd: child.fd, path, access };
      this.#open.push({ handle: child, place: inside, sink: this.#idlest(), metadata });
    });
    this.#counters.add("entries", 1);
  }

  /** The directory entered last, which is there from now on. */
  #top(): OpenDirectory {
    const leading = this.#leading;
    this.#leading = [];
    for (const name of leading) this.#makeDirectory(name, undefined);
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
    this.#report({ kind, path: this.path, reason });
  }

  #pathText(): string {
    return Buffer.from(this.path).toString();
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof SystemError && error.code === "EEXIST";
}

function isDevice(node: { readonly kind: string }): node is PxarDevice {
  return node.kind === "block-device" || node.kind === "character-device";
}

function errnoOf(error: unknown): string {
  return error instanceof SystemError ? error.code : "";
}

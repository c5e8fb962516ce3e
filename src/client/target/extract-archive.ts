import { SharedArena } from "../../chunks/shared-arena.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { PxarDecoder } from "../../format/pxar/decoder.ts";
import { ITEM_HEADER_BYTES } from "../../format/pxar/item.ts";
import { type PxarFile, type PxarNode } from "../../format/pxar/node.ts";
import { checkPayloadHeader, PxarTree } from "../../format/pxar/tree-reader.ts";
import { FormatError } from "../../format/format-error.ts";
import { DirectoryHandle } from "../../linux/directory-handle.ts";
import { makeDirectoryAt } from "../../linux/name-calls.ts";
import { SystemError } from "../../linux/system-error.ts";
import { BlockingSource } from "../archive/blocking-source.ts";
import { SharedCounters } from "../shared-counters.ts";
import { FileQueue } from "./file-queue.ts";
import { FileWriter } from "./file-writer.ts";
import { JobRing } from "./job-ring.ts";
import { RestoreError } from "./restore-error.ts";
import { takeApart } from "./restore-failure.ts";
import { type RestoreProblem } from "./restore-problem.ts";
import {
  type AskedArchive,
  type ContentDamage,
  restoreCounterFields,
  type RestoreOptions,
  type RestoreRequest,
} from "./restore-request.ts";
import { TreeRestorer } from "./tree-restorer.ts";
import { WantedEntries } from "./wanted-entries.ts";
import { WayDown } from "./way-down.ts";

/** Chunks of each archive that this thread holds, besides those the other thread has ready. */
export const CHUNKS_KEPT = 2;

const AT_FDCWD = -100;
const SLASH = 0x2f;

/** Who is told what happens during an extraction. */
export interface ExtractionEvents {
  /** The first entry of each kind of problem. */
  readonly problem: (problem: RestoreProblem) => void;
  /** A file whose content cannot be had, and which was left out. */
  readonly damage: (damage: ContentDamage) => void;
}

/**
 * Restores an archive into a directory.
 *
 * Synchronous, for a thread of its own. Reads front to back, content where the archive says it is; hard links
 * to files that were not wanted become files of their own.
 */
export class ArchiveExtraction {
  readonly #archive: BlockingSource;
  readonly #payload: BlockingSource | undefined;
  readonly #restorer: TreeRestorer;
  readonly #wanted: WantedEntries;
  readonly #below: readonly Uint8Array[];
  readonly #leaveOut: RestoreOptions["leaveOut"];
  readonly #events: ExtractionEvents;
  readonly #stop: Int32Array;
  readonly #target: string;
  #path: Uint8Array = new Uint8Array(0);
  #missingChunk: number | undefined;

  /**
   * Opens the target.
   *
   * @throws {RestoreError} When it cannot be made or may not be used.
   */
  constructor(request: RestoreRequest, events: ExtractionEvents) {
    const { options, counters, rings, patterns } = request;
    const arena = SharedArena.attach(request.arena);
    const direct = new FileWriter(options, events.problem);
    this.#target = Buffer.from(request.target).toString();
    this.#stop = new Int32Array(request.stop);
    this.#events = events;
    this.#archive = sourceOf(request.archive, arena);
    this.#payload = request.payload && sourceOf(request.payload, arena);
    this.#wanted = new WantedEntries(patterns, request.below.length > 0 ? "part" : "archive");
    this.#below = request.below;
    this.#leaveOut = options.leaveOut;
    this.#restorer = new TreeRestorer({
      root: openTarget(request),
      options,
      counters: new SharedCounters(restoreCounterFields, counters),
      report: events.problem,
      direct,
      queues: rings.map((memory) => new FileQueue({ ring: JobRing.attach(memory), arena, direct })),
    });
  }

  /** Path of the entry that an extraction that failed had come to. */
  get path(): Uint8Array {
    return this.#path;
  }

  /** Position of the chunk of the archive that an extraction failed for. */
  get missingChunk(): number | undefined {
    return this.#missingChunk;
  }

  /**
   * Returns when everything is restored, or stops early when it is told to.
   *
   * @throws {RestoreError} {@link FormatError} For a damaged archive, or a chunk of its metadata that could not be had.
   */
  run(): void {
    try {
      this.#extract();
      this.#restorer.drain();
    } catch (error) {
      this.#path = this.#restorer.path.slice();
      this.#missingChunk = this.#archive.missingChunk;
      throw error;
    } finally {
      this.#restorer.close();
    }
  }

  #extract(): void {
    const decoder = new PxarDecoder(this.#archive);
    if (decoder.header().version === 2 && !this.#payload) {
      throw new FormatError("FORMAT_INVALID", "pxar archive", "its payload archive is missing");
    }
    const way = new WayDown(this.#below);
    for (const step of decoder) {
      this.#throwIfStopped();
      if (step.kind === "directory-end") {
        if (way.leave() === "outside") continue;
        this.#restorer.leaveDirectory();
        this.#wanted.leave();
        if (way.place === "outside" && this.#below.length > 0) return;
      } else if (way.place === "inside") {
        if (step.node.kind === "directory") way.enter(step.node.name);
        this.#add(step.node);
      } else if (step.node.kind === "directory" && way.enter(step.node.name) === "inside") {
        this.#wanted.enterRoot();
        this.#restorer.enterRoot(this.#wanted.isWhole ? step.node.metadata : undefined);
      }
    }
    if (this.#below.length === 0) return;
    const path = Buffer.concat(this.#below.flatMap((name) => [Buffer.of(SLASH), name])).toString();
    throw new RestoreError("RESTORE_FAILED", path, "the archive has no such directory");
  }

  #throwIfStopped(): void {
    if (Atomics.load(this.#stop, 0) !== 0) throw new RestoreError("RESTORE_STOPPED", this.#target);
  }

  #add(node: PxarNode): void {
    const restorer = this.#restorer;
    const isWanted = this.#wanted.has(node.name, node.kind === "directory" ? "directory" : "other");
    if (node.kind === "directory") {
      this.#wanted.enter(node.name, isWanted);
      restorer.enterDirectory(node, isWanted ? node.metadata : undefined);
      return;
    }
    if (!isWanted) return;
    switch (node.kind) {
      case "file":
        this.#addFile(node);
        return;
      case "symlink":
        restorer.addSymlink(node);
        return;
      case "hardlink":
        if (this.#wanted.isEverything) restorer.addHardLink(node);
        else {
          const target = new PxarTree(this.#archive).resolveHardLink(node);
          this.#addFile({ ...target, name: node.name });
        }
        return;
      case "block-device":
      case "character-device":
        if (!this.#leaveOut.devices) restorer.addSpecial(node);
        return;
      case "fifo":
        if (!this.#leaveOut.fifos) restorer.addSpecial(node);
        return;
      case "socket":
        if (!this.#leaveOut.sockets) restorer.addSpecial(node);
    }
  }

  /** A file whose content cannot be had is left out; the archive goes on behind it. */
  #addFile(file: PxarFile): void {
    const { archive } = file.payload;
    const source = archive === "payload" ? this.#payload : this.#archive;
    if (!source) throw new TypeError("there is no payload archive");
    try {
      this.#copyFile(file, source);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#throwIfStopped();
      this.#events.damage({
        path: this.#restorer.pathOf(file.name),
        archive: archive === "payload" ? "payload" : "archive",
        chunk: source.missingChunk,
        failure: takeApart(error),
      });
    }
  }

  #copyFile(file: PxarFile, source: BlockingSource): void {
    const { archive, headerOffset, offset: start } = file.payload;
    if (archive === "payload") {
      checkRange(source, file);
      checkPayloadHeader(source.read(headerOffset, ITEM_HEADER_BYTES), file.size);
    }
    this.#restorer.addFile(file, (offset, sizeMax) => {
      this.#throwIfStopped();
      return source.readPiece(start + offset, sizeMax);
    });
  }
}

function checkRange(source: BlockingSource, { payload, size }: PxarFile): void {
  if (payload.offset + size > source.size) {
    throw new FormatError("FORMAT_INVALID", "pxar archive", "a reference beyond its payload");
  }
}

function sourceOf({ index, asking }: AskedArchive, arena: SharedArena): BlockingSource {
  return new BlockingSource(parseDynamicIndex(index), asking, { keptMax: CHUNKS_KEPT, arena });
}

/** Opens the target; makes it and the directories above it if they are missing. */
function openTarget({ target, options }: RestoreRequest): DirectoryHandle {
  const path = Buffer.from(target).toString();
  try {
    makeMissing(target);
    const handle = DirectoryHandle.openPath(target);
    if (options.existingDirectories === "refuse" && handle.readNames().length > 0) {
      handle.close();
      throw new RestoreError("RESTORE_TARGET_NOT_EMPTY", path);
    }
    return handle;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new RestoreError("RESTORE_TARGET_UNUSABLE", path, error.message);
  }
}

function makeMissing(target: Uint8Array): void {
  for (let end = 1; end <= target.length; end++) {
    if (end < target.length && target[end] !== SLASH) continue;
    try {
      makeDirectoryAt(AT_FDCWD, target.subarray(0, end), DIRECTORY_MODE);
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== "EEXIST") {
        const isAbove = end < target.length && error instanceof SystemError;
        if (!isAbove) throw error;
      }
    }
  }
}

/** For directories above what is restored; the umask applies. */
const DIRECTORY_MODE = 0o777;

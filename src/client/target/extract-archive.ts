import { SharedArena } from "../../chunks/shared-arena.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { parseExcludeArgument } from "../../format/patterns/exclude-record.ts";
import { MatchList } from "../../format/patterns/match-list.ts";
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
import { RestoreError } from "./restore-error.ts";
import { type RestoreProblem } from "./restore-problem.ts";
import { type AskedArchive, restoreCounterFields, type RestoreRequest } from "./restore-request.ts";
import { TreeRestorer } from "./tree-restorer.ts";

/** Chunks of each archive that this thread holds, besides those the other thread has ready. */
export const CHUNKS_KEPT = 2;

const AT_FDCWD = -100;
const SLASH = 0x2f;

/**
 * Restores an archive into a directory; returns when all of it is there.
 *
 * Synchronous, for a thread of its own. Reads front to back, content where the archive says it is; hard links
 * to files that were not wanted become files of their own.
 *
 * @throws {RestoreError} {@link FormatError} For a damaged archive, or a chunk that could not be had.
 */
export function extractArchive(
  request: RestoreRequest,
  report: (problem: RestoreProblem) => void,
): void {
  using root = openTarget(request);
  const arena = SharedArena.attach(request.arena);
  const archive = sourceOf(request.archive, arena);
  const payload = request.payload && sourceOf(request.payload, arena);
  const restorer = new TreeRestorer({
    root,
    options: request.options,
    counters: new SharedCounters(restoreCounterFields, request.counters),
    report,
  });
  try {
    new Extraction(archive, payload, restorer, request.patterns).run();
  } finally {
    restorer.close();
  }
}

class Extraction {
  readonly #archive: BlockingSource;
  readonly #payload: BlockingSource | undefined;
  readonly #restorer: TreeRestorer;
  readonly #wanted: Wanted;

  constructor(
    archive: BlockingSource,
    payload: BlockingSource | undefined,
    restorer: TreeRestorer,
    patterns: readonly string[],
  ) {
    this.#archive = archive;
    this.#payload = payload;
    this.#restorer = restorer;
    this.#wanted = new Wanted(patterns);
  }

  run(): void {
    const decoder = new PxarDecoder(this.#archive);
    if (decoder.header().version === 2 && !this.#payload) {
      throw new FormatError("FORMAT_INVALID", "pxar archive", "its payload archive is missing");
    }
    let isRoot = true;
    for (const step of decoder) {
      if (step.kind === "directory-end") {
        this.#restorer.leaveDirectory();
        this.#wanted.leave();
      } else if (isRoot && step.node.kind === "directory") {
        isRoot = false;
        this.#wanted.enterRoot();
        this.#restorer.enterRoot(this.#wanted.isEverything ? step.node.metadata : undefined);
      } else this.#add(step.node);
    }
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
      case "fifo":
      case "socket":
        restorer.addSpecial(node);
    }
  }

  #addFile(file: PxarFile): void {
    const { archive, headerOffset, offset: start } = file.payload;
    const source = archive === "payload" ? this.#payload : this.#archive;
    if (!source) throw new TypeError("there is no payload archive");
    if (archive === "payload") {
      checkRange(source, file);
      checkPayloadHeader(source.read(headerOffset, ITEM_HEADER_BYTES), file.size);
    }
    this.#restorer.addFile(file, (offset, sizeMax) => source.readPiece(start + offset, sizeMax));
  }
}

/**
 * What of an archive is restored: with patterns, what they match and everything below it.
 *
 * The last pattern that matches decides; `!` takes out again.
 */
class Wanted {
  readonly #list = new MatchList();
  /** Whether the directories on the path are wanted, the root first. */
  readonly #levels: boolean[] = [];
  #path: number[] = [];

  constructor(patterns: readonly string[]) {
    this.#list.add(
      patterns.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined)),
    );
  }

  get isEverything(): boolean {
    return this.#list.size === 0;
  }

  enterRoot(): void {
    this.#levels.push(this.isEverything);
  }

  enter(name: Uint8Array, isWanted: boolean): void {
    this.#levels.push(isWanted);
    if (!this.isEverything) this.#path.push(SLASH, ...name);
  }

  leave(): void {
    this.#levels.pop();
    if (!this.isEverything) this.#path.length = Math.max(0, this.#path.lastIndexOf(SLASH));
  }

  has(name: Uint8Array, kind: "directory" | "other"): boolean {
    if (this.isEverything) return true;
    const verdict = this.#list.verdict(Uint8Array.from([...this.#path, SLASH, ...name]), kind);
    if (verdict === undefined) return this.#levels.at(-1) ?? false;
    // The language is that of exclude patterns; here a match means that the entry is wanted.
    return verdict === "exclude";
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

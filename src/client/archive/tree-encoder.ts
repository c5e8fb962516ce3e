import { type KnownChunk } from "../../chunks/chunk-stream.ts";
import { type PxarEncoder } from "../../format/pxar/encoder.ts";
import { FILE_TYPE } from "../../linux/file-status.ts";
import { closeDescriptor } from "../../linux/open-at.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { type OpenSourceFile, type SourceFiles } from "../source/source-files.ts";
import { type SourceProblem, type SourceProblemKind } from "../source/source-problem.ts";
import { pathOf } from "../source/tree-path.ts";
import { type SourceEntry, type TreeVisitor } from "../source/walk-tree.ts";
import { type ContentCopier } from "./content-copier.ts";
import { linkKeyOf } from "./link-key.ts";
import { type PackCounter } from "./pack-counter.ts";
import { type PayloadStream } from "./payload-stream.ts";
import { type ReuseTarget } from "./reuse-planner.ts";

/** Is told of every entry that goes into an archive, in archive order: the catalogue. */
export interface EntryListener {
  enterDirectory(name: Uint8Array): void;
  leaveDirectory(): void;
  addFile(name: Uint8Array, size: number, mtimeSec: number): void;
  addHardLink(name: Uint8Array): void;
  /** Anything else; the mode says what. */
  addOther(name: Uint8Array, mode: number): void;
}

/** What a {@link TreeEncoder} works with. */
export interface TreeEncoderOptions {
  /** Opens the files whose content is read. */
  readonly files: SourceFiles;
  readonly encoder: PxarEncoder;
  /** Where content goes: of a split archive its payload archive, otherwise the archive. */
  readonly payload: PayloadStream;
  readonly copier: ContentCopier;
  readonly counters: SharedCounters<PackCounter>;
  readonly report: (problem: SourceProblem) => void;
  readonly listener?: EntryListener;
  /** Writes the start marker of a payload archive; called at most once, before its first byte of our own. */
  readonly writeStartMarker?: () => void;
}

interface KnownLink {
  readonly path: Uint8Array;
  readonly nameOffset: number;
}

/**
 * Writes the entries of a walk to an archive; reads the content of regular files (spec pxar.md §8.6, §8.8).
 *
 * Files that cannot be opened any more are reported and left out.
 */
export class TreeEncoder implements TreeVisitor, ReuseTarget {
  readonly #options: TreeEncoderOptions;
  readonly #links = new Map<string, KnownLink>();
  #depth = 0;
  #hasStartMarker = false;

  constructor(options: TreeEncoderOptions) {
    this.#options = options;
    this.#hasStartMarker = options.writeStartMarker === undefined;
  }

  get payloadPosition(): number {
    return this.#options.payload.position;
  }

  enterDirectory({ name, metadata }: SourceEntry): void {
    const { encoder, counters, listener } = this.#options;
    counters.add("entries", 1);
    if (this.#depth++ === 0) {
      encoder.startRoot(metadata);
      return;
    }
    encoder.startDirectory(name, metadata);
    listener?.enterDirectory(name);
  }

  leaveDirectory(): void {
    if (--this.#depth > 0) {
      this.#options.encoder.endDirectory();
      this.#options.listener?.leaveDirectory();
    }
  }

  visitEntry(entry: SourceEntry): void {
    const { name, metadata, status, target } = entry;
    const { encoder, counters, listener } = this.#options;
    counters.add("entries", 1);
    switch (status.mode & FILE_TYPE.mask) {
      case FILE_TYPE.regular:
        this.#visitFile(entry);
        return;
      case FILE_TYPE.symlink:
        encoder.addSymlink(name, metadata, target);
        break;
      case FILE_TYPE.blockDevice:
      case FILE_TYPE.characterDevice:
        encoder.addDevice(name, metadata, {
          major: status.deviceMajor,
          minor: status.deviceMinor,
        });
        break;
      case FILE_TYPE.fifo:
        encoder.addFifo(name, metadata);
        break;
      case FILE_TYPE.socket:
        encoder.addSocket(name, metadata);
        break;
      default:
        this.#report("unreadable", entry, "of an unknown type: left out");
        return;
    }
    listener?.addOther(name, status.mode);
  }

  addReference(entry: SourceEntry, payloadOffset: number): void {
    const { encoder, counters } = this.#options;
    const { name, metadata, status } = entry;
    const nameOffset = encoder.addFileReference(name, metadata, {
      payloadOffset,
      size: status.size,
      tableSize: "withContent",
    });
    this.#remember(entry, nameOffset);
    counters.add("entries", 1);
    counters.add("files", 1);
    counters.add("reusedFiles", 1);
    counters.add("reusedBytes", status.size);
  }

  startPayload(marker: "own" | "reused"): void {
    if (marker === "reused") this.#hasStartMarker = true;
    this.#ensureStartMarker();
  }

  inject(chunks: readonly KnownChunk[]): void {
    this.#options.payload.inject(chunks);
  }

  /**
   * Ends the root directory.
   *
   * Before that, `addLast` may add entries to it that are not in the tree.
   */
  finishRoot(): void {
    this.#ensureStartMarker();
    this.#options.encoder.endDirectory();
  }

  /** Adds a regular file to the current directory whose content is in memory. */
  addSynthetic(name: Uint8Array, metadata: SourceEntry["metadata"], content: Uint8Array): void {
    const { encoder, payload, listener } = this.#options;
    this.#ensureStartMarker();
    encoder.startFile(name, metadata, content.length);
    payload.write(content);
    encoder.endFile();
    listener?.addFile(name, content.length, metadata.mtimeSec);
  }

  #visitFile(entry: SourceEntry): void {
    if (this.#addKnownLink(entry)) return;
    let file: OpenSourceFile | undefined;
    try {
      file = this.#options.files.open(entry);
    } catch (error) {
      this.#reportFailure(error, entry);
      return;
    }
    if (!file) {
      this.#report("vanished", entry, "replaced by something else: left out");
      return;
    }
    try {
      this.#addFile(file.entry, file.fd);
    } finally {
      closeDescriptor(file.fd);
    }
  }

  #addFile(entry: SourceEntry, fd: number): void {
    const { encoder, payload, copier, counters, listener } = this.#options;
    const { name, metadata, status } = entry;
    this.#ensureStartMarker();
    payload.suggestBoundary?.(payload.position);
    const nameOffset = encoder.startFile(name, metadata, status.size);
    const outcome = copier.copy(fd, status, payload);
    encoder.endFile();
    this.#remember(entry, nameOffset);
    listener?.addFile(name, status.size, status.mtimeSec);
    counters.add("files", 1);
    counters.add("readBytes", status.size);
    if (outcome.kind !== "whole") this.#report(outcome.kind, entry, outcome.reason);
  }

  #addKnownLink(entry: SourceEntry): boolean {
    if (entry.status.linkCount <= 1) return false;
    const known = this.#links.get(linkKeyOf(entry.status));
    if (known === undefined) return false;
    this.#options.encoder.addHardLink(entry.name, known.path, known.nameOffset);
    this.#options.listener?.addHardLink(entry.name);
    return true;
  }

  #remember(entry: SourceEntry, nameOffset: number): void {
    if (entry.status.linkCount <= 1) return;
    const path = pathOf(entry.directory, entry.name);
    this.#links.set(linkKeyOf(entry.status), { path, nameOffset });
  }

  #ensureStartMarker(): void {
    if (this.#hasStartMarker) return;
    this.#hasStartMarker = true;
    this.#options.writeStartMarker?.();
  }

  #reportFailure(error: unknown, entry: SourceEntry): void {
    if (!(error instanceof SystemError)) throw error;
    const isGone = error.code === "ENOENT" || error.code === "ESTALE" || error.code === "ELOOP";
    this.#report(isGone ? "vanished" : "unreadable", entry, `${error.code}: left out`);
  }

  #report(kind: SourceProblemKind, entry: SourceEntry, reason: string): void {
    this.#options.report({ kind, path: pathOf(entry.directory, entry.name), reason });
  }
}

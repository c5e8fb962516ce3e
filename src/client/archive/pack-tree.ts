import { type SharedArena } from "../../chunks/shared-arena.ts";
import { ChunkCutter } from "../../chunks/chunk-cutter.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import {
  excludeRecordPrelude,
  excludeRecordText,
  parseExcludeArgument,
} from "../../format/patterns/exclude-record.ts";
import { type MatchEntry } from "../../format/patterns/match-list.ts";
import { PxarEncoder } from "../../format/pxar/encoder.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "../../format/pxar/item.ts";
import { ByteWriter } from "../../format/bytes/byte-writer.ts";
import { writeItemHeader } from "../../format/pxar/write-metadata.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import { DirectoryHandle } from "../../linux/directory-handle.ts";
import { statusOfPath } from "../../linux/file-status.ts";
import { SystemError } from "../../linux/system-error.ts";
import { SharedCounters } from "../shared-counters.ts";
import { ListedExcludes } from "../source/listed-excludes.ts";
import { SourceError } from "../source/source-error.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { type TreeVisitor, walkTree } from "../source/walk-tree.ts";
import { BlockingSource } from "./blocking-source.ts";
import { ContentCopier } from "./content-copier.ts";
import { EXCLUDE_RECORD_NAME, excludeRecordMetadata } from "./exclude-record.ts";
import { packCounterFields } from "./pack-counter.ts";
import { type PackRequest, type PackStream, type PreviousArchive } from "./pack-request.ts";
import { PreviousTree } from "./previous-tree.ts";
import { ReusePlanner } from "./reuse-planner.ts";
import { type EntryListener, TreeEncoder } from "./tree-encoder.ts";

/** Where the parts of an archive go. */
export interface PackOutput {
  readonly arena: SharedArena;
  /** Receives the pieces of a stream, in order. */
  readonly emit: (
    stream: PackStream,
    ...cut: Parameters<ConstructorParameters<typeof ChunkCutter>[0]["emit"]>
  ) => void;
  readonly report: (problem: SourceProblem) => void;
  /** Catalogue of an unsplit archive. */
  readonly catalog: EntryListener | undefined;
}

/** Chunks of the previous metadata archive in memory: tables of the directories on the path, and what is being read. */
const PREVIOUS_CHUNKS_KEPT = 8;

/** Entries that wait for a decision about re-use: about 10 MiB. */
const PENDING_MAX = 8192;

/**
 * Packs a directory tree into an archive and cuts it into chunks; returns when all of them are emitted.
 *
 * Synchronous on purpose, for a thread of its own: system calls do not go through a pool, and waiting for room or for
 * a chunk of the previous archive blocks. Memory: the arena, 8 chunks of the previous metadata archive, and what the
 * walk holds.
 *
 * @throws {SourceError} When the tree cannot be packed at all.
 */
export function packTree(request: PackRequest, output: PackOutput): void {
  using root = openRoot(request.source);
  const patterns = patternsOf(request);
  const records = request.mode === "legacy" && patterns.length > 0;
  const job = new PackJob(request, output, root, patterns);
  try {
    walkTree(
      root,
      {
        excludes: new ListedExcludes(patterns, records ? EXCLUDE_RECORD_NAME : undefined),
        devices: devicesOf(request),
        entriesMax: request.entriesMax,
        oversizedAttributes: request.oversizedAttributes,
        report: output.report,
      },
      job.visitor,
    );
    job.finish();
  } catch (error) {
    job.discard();
    throw error;
  }
}

class PackJob {
  readonly visitor: TreeVisitor;
  readonly #request: PackRequest;
  readonly #patterns: readonly MatchEntry[];
  readonly #encoder: PxarEncoder;
  readonly #tree: TreeEncoder;
  readonly #planner: ReusePlanner | undefined;
  readonly #cutters: readonly ChunkCutter[];

  constructor(
    request: PackRequest,
    output: PackOutput,
    root: DirectoryHandle,
    patterns: readonly MatchEntry[],
  ) {
    this.#request = request;
    this.#patterns = patterns;
    const cutter = (stream: PackStream, kind: "plain" | "payload"): ChunkCutter =>
      new ChunkCutter({
        arena: output.arena,
        averageBytes: request.chunkBytesAverage,
        kind,
        emit: (cut) => {
          output.emit(stream, cut);
        },
      });
    const shared = {
      root,
      copier: new ContentCopier(),
      counters: new SharedCounters(packCounterFields, request.counters),
      report: output.report,
    };
    if (request.mode === "legacy") {
      const archive = cutter("archive", "plain");
      this.#cutters = [archive];
      this.#encoder = new PxarEncoder({ metadata: archive });
      this.#tree = new TreeEncoder({
        ...shared,
        encoder: this.#encoder,
        payload: withoutSuggestions(archive),
        ...(output.catalog ? { listener: output.catalog } : {}),
      });
    } else {
      const metadata = cutter("metadata", "plain");
      const payload = cutter("payload", "payload");
      this.#cutters = [metadata, payload];
      this.#encoder = new PxarEncoder({
        metadata,
        payload,
        prelude: patterns.length > 0 ? excludeRecordPrelude(patterns) : undefined,
        payloadStartMarker: "omit",
      });
      this.#tree = new TreeEncoder({
        ...shared,
        encoder: this.#encoder,
        payload,
        writeStartMarker: () => {
          payload.write(startMarker());
        },
      });
    }
    this.#planner = request.previous && plannerFor(request.previous, this.#tree);
    this.visitor = this.#planner ?? this.#tree;
  }

  /** Writes what comes behind the last entry of the root, and the rest of all streams. */
  finish(): void {
    const patterns = this.#patterns;
    if (this.#request.mode === "legacy" && patterns.length > 0) {
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      const metadata = excludeRecordMetadata(owner);
      this.#tree.addSynthetic(EXCLUDE_RECORD_NAME, metadata, excludeRecordText(patterns));
    }
    this.#tree.finishRoot();
    this.#encoder.finish(this.#planner?.endsWithPrevious === true ? "omit" : "write");
    for (const cutter of this.#cutters) cutter.finish();
  }

  discard(): void {
    for (const cutter of this.#cutters) cutter.discard();
  }
}

function plannerFor(previous: PreviousArchive, target: TreeEncoder): ReusePlanner {
  const source = new BlockingSource(parseDynamicIndex(previous.metadataIndex), previous.asking, {
    keptMax: PREVIOUS_CHUNKS_KEPT,
  });
  const payloadIndex = parseDynamicIndex(previous.payloadIndex);
  const tree = new PreviousTree(new PxarTree(source));
  return new ReusePlanner({ tree, payloadIndex }, target, { pendingMax: PENDING_MAX });
}

/** An unsplit archive is cut by its bytes alone. */
function withoutSuggestions(
  cutter: ChunkCutter,
): ConstructorParameters<typeof TreeEncoder>[0]["payload"] {
  return {
    get position() {
      return cutter.position;
    },
    write: (bytes) => {
      cutter.write(bytes);
    },
    reserve: (size) => cutter.reserve(size),
    commit: (size) => {
      cutter.commit(size);
    },
    inject: (entries) => {
      cutter.inject(entries);
    },
  };
}

function startMarker(): Uint8Array {
  const writer = new ByteWriter(ITEM_HEADER_BYTES);
  writeItemHeader(writer, pxarItems.PAYLOAD_START_MARKER, 0);
  return writer.take();
}

function openRoot(source: Uint8Array): DirectoryHandle {
  try {
    return DirectoryHandle.openPath(source);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const path = Buffer.from(source).toString();
    throw new SourceError("SOURCE_UNREADABLE", path, { cause: error });
  }
}

/** Patterns of the command line, in the order that archives record (spec pxar.md §9.1). */
function patternsOf({ excludes, lostAndFound }: PackRequest): MatchEntry[] {
  const texts = lostAndFound === "skip" ? [...excludes, "lost+found"] : excludes;
  // Whoever made the request has said already what was changed in a pattern.
  return texts.map((text) => parseExcludeArgument(Buffer.from(text), () => undefined));
}

function devicesOf({ mounts }: PackRequest): ReadonlySet<number> | "all" {
  if (mounts === "all") return "all";
  return new Set(
    mounts.map((path) => {
      try {
        return statusOfPath(path).device;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        const text = Buffer.from(path).toString();
        throw new SourceError("SOURCE_UNREADABLE", text, { cause: error });
      }
    }),
  );
}

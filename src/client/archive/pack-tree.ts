import { SharedArena } from "../../chunks/shared-arena.ts";
import { ChunkCutter } from "../../chunks/chunk-cutter.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { excludeRecordPrelude, excludeRecordText } from "../../format/patterns/exclude-record.ts";
import { type MatchEntry } from "../../format/patterns/match-list.ts";
import { PxarEncoder } from "../../format/pxar/encoder.ts";
import { ITEM_HEADER_BYTES, pxarItems } from "../../format/pxar/item.ts";
import { ByteWriter } from "../../format/bytes/byte-writer.ts";
import { writeItemHeader } from "../../format/pxar/write-metadata.ts";
import { PxarTree } from "../../format/pxar/tree-reader.ts";
import { SharedCounters } from "../shared-counters.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { SourceFiles } from "../source/source-files.ts";
import { type TreeVisitor } from "../source/walk-tree.ts";
import { BlockingSource } from "./blocking-source.ts";
import { ContentCopier } from "./content-copier.ts";
import { EXCLUDE_RECORD_NAME, excludeRecordMetadata } from "./exclude-record.ts";
import { leavingOut } from "./leaving-out.ts";
import { packCounterFields } from "./pack-counter.ts";
import { type PackRequest, type PackStream, type PreviousArchive } from "./pack-request.ts";
import { RecordedWalk } from "./recorded-walk.ts";
import { PreviousTree } from "./previous-tree.ts";
import { ReusePlanner } from "./reuse-planner.ts";
import { type EntryListener, TreeEncoder } from "./tree-encoder.ts";
import { walkPatterns } from "./walk-source.ts";
import { type WalkReceiver } from "./walk-stream.ts";

/** Where the parts of an archive go. */
export interface PackOutput {
  readonly arena: SharedArena;
  /** The walk of the tree is the next one in it. */
  readonly walks: WalkReceiver;
  /** Receives the pieces of a stream, in order. */
  readonly emit: (
    stream: PackStream,
    ...cut: Parameters<ConstructorParameters<typeof ChunkCutter>[0]["emit"]>
  ) => void;
  readonly report: (problem: SourceProblem) => void;
  /** Catalogue of an unsplit archive. */
  readonly catalog: EntryListener | undefined;
}

/** Entries that wait for a decision about re-use: about 10 MiB. */
const PENDING_MAX = 8192;

/**
 * Packs a directory tree into an archive and cuts it into chunks; returns when all of them are emitted.
 *
 * Synchronous on purpose, for a thread of its own: system calls do not go through a pool, and waiting for room or for
 * the walk or a chunk of the previous archive blocks. Memory: the arena, 2 chunks of the previous metadata archive,
 * and the entries that wait for a decision.
 *
 * @throws {SourceError} When the tree cannot be packed at all.
 */
export function packTree(request: PackRequest, output: PackOutput): void {
  const walk = new RecordedWalk(output.walks, output.report);
  using root = walk.openRoot();
  const { oversizedAttributes } = request;
  using files = new SourceFiles(root, { oversizedAttributes, report: output.report });
  const job = new PackJob(request, output, files);
  try {
    const { leaveOut = [] } = request;
    walk.replay(leaveOut.length > 0 ? leavingOut(job.visitor, leaveOut) : job.visitor);
    job.finish();
  } catch (error) {
    job.discard();
    throw error;
  }
}

/**
 * Greatest average length of chunks of metadata archives: that of catalogues, a value that other clients let their users choose for
 * all chunks. Whoever lists a directory needs a piece of metadata from as many places as it has directories, and one that
 * changed is sent again: both take an eighth of what they would with chunks of the length that suits content.
 */
const METADATA_CHUNK_BYTES = 512 * 1024;

class PackJob {
  readonly visitor: TreeVisitor;
  readonly #request: PackRequest;
  readonly #patterns: readonly MatchEntry[];
  readonly #encoder: PxarEncoder;
  readonly #tree: TreeEncoder;
  readonly #planner: ReusePlanner | undefined;
  readonly #cutters: readonly ChunkCutter[];

  constructor(request: PackRequest, output: PackOutput, files: SourceFiles) {
    const patterns = walkPatterns(request);
    this.#request = request;
    this.#patterns = patterns;
    const cutter = (
      stream: PackStream,
      kind: "plain" | "payload",
      averageBytes = request.chunkBytesAverage,
    ): ChunkCutter =>
      new ChunkCutter({
        arena: output.arena,
        averageBytes,
        kind,
        emit: (cut) => {
          output.emit(stream, cut);
        },
      });
    const shared = {
      files,
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
      const metadata = cutter(
        "metadata",
        "plain",
        Math.min(METADATA_CHUNK_BYTES, request.chunkBytesAverage),
      );
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
    keptMax: previous.keptMax,
    arena: SharedArena.attach(previous.arena),
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

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type SharedArenaHandle } from "../../chunks/shared-arena.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { type ChunkAsking } from "./blocking-source.ts";
import { type LeftOut } from "./leaving-out.ts";
import { type CarriedFailure } from "./carried-failure.ts";
import { type WalkStreamEnd } from "./walk-stream.ts";

/**
 * How changes are found (spec metadata-change-detection.md §1).
 *
 * - `legacy`: one archive and a catalogue, every file is read;
 * - `data`: a split archive, every file is read;
 * - `metadata`: a split archive, unchanged files are taken over from the previous one.
 */
export type ChangeDetection = "legacy" | "data" | "metadata";

/** What to read and how; plain data, can be sent to the packing thread. */
export interface PackRequest {
  /** Directory to pack; symbolic links in this path are followed. */
  readonly source: Uint8Array;
  readonly mode: ChangeDetection;
  /** Name of the archive in the catalogue, for example `root.pxar.didx`. */
  readonly catalogName: string;
  /** Average chunk length in bytes. */
  readonly chunkBytesAverage: number;
  /** Patterns from the command line, in order. */
  readonly excludes: readonly string[];
  /** Adds the pattern `lost+found`. */
  readonly lostAndFound: "pack" | "skip";
  /** Mount points below the source that are entered: those on the devices of these paths, or all. */
  readonly mounts: readonly Uint8Array[] | "all";
  /** Most directory entries held in memory. */
  readonly entriesMax: number;
  readonly oversizedAttributes: "fail" | "skip";
  /** Kinds of entries and of metadata that the archive is made without; none when left out. */
  readonly leaveOut?: readonly LeftOut[];
  /** Memory of `SharedCounters` over `packCounterFields`. */
  readonly counters: SharedArrayBuffer;
  /** The previous split archive, for `metadata`. */
  readonly previous: PreviousArchive | undefined;
}

/** The part of a request that the walking thread needs. */
export type WalkRequest = Pick<
  PackRequest,
  "source" | "mode" | "excludes" | "lostAndFound" | "mounts" | "entriesMax" | "oversizedAttributes"
>;

/** The previous split archive as the packing thread sees it. */
export interface PreviousArchive {
  /** `.didx` file of the metadata archive. */
  readonly metadataIndex: Uint8Array;
  /** `.didx` file of the payload archive. */
  readonly payloadIndex: Uint8Array;
  /** Where chunks of the metadata archive come from. */
  readonly asking: ChunkAsking;
  /** What they lie in. */
  readonly arena: SharedArenaHandle;
  /** Chunks that the packing thread may hold. */
  readonly keptMax: number;
}

/** What the packing thread is started with. */
export interface PackWorkerData {
  readonly arena: SharedArenaHandle;
  /** Where the walks of the trees come from. */
  readonly walks: WalkStreamEnd;
}

/** What the packing thread is asked. */
export type PackCommand =
  { readonly kind: "pack"; readonly request: PackRequest } | { readonly kind: "finishCatalog" };

/** All values of {@link ArchiveStream}. */
export const archiveStreams = ["archive", "metadata", "payload"] as const;

/** The streams of an archive: one, or for a split archive the other two. */
export type ArchiveStream = (typeof archiveStreams)[number];

/** All streams of a packing thread; the catalogue spans all unsplit archives of a backup. */
export type PackStream = ArchiveStream | "catalog";

/** What the packing thread says: cuts and problems while it works, then one of the other two. */
export type PackAnswer =
  | { readonly kind: "cut"; readonly stream: PackStream; readonly cut: Cut }
  | { readonly kind: "problem"; readonly problem: SourceProblem }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly failure: CarriedFailure };

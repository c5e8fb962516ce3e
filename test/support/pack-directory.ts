import { answerChunks } from "../../src/client/archive/chunk-answering.ts";
import { type PackCounter, packCounterFields } from "../../src/client/archive/pack-counter.ts";
import { SharedCounters } from "../../src/client/shared-counters.ts";
import { type PackRequest } from "../../src/client/archive/pack-request.ts";
import { PackThread } from "../../src/client/archive/pack-thread.ts";
import { uploadCuts } from "../../src/client/archive/upload-cuts.ts";
import { type SourceProblem } from "../../src/client/source/source-problem.ts";
import { CodecPool } from "../../src/chunks/codec-pool.ts";
import { SharedArena } from "../../src/chunks/shared-arena.ts";
import { MemoryUpload, type MemoryStore } from "./memory-upload.ts";

/** A packed directory. */
export interface Packed {
  /** Of an unsplit archive the archive, of a split one its metadata archive. */
  readonly archive: MemoryUpload;
  /** Of a split archive. */
  readonly payload: MemoryUpload;
  /** Of an unsplit archive. */
  readonly catalog: MemoryUpload;
  readonly problems: readonly SourceProblem[];
  readonly counts: Readonly<Record<PackCounter, number>>;
}

/** Everything of a request that a test may choose. */
export type PackChoices = Partial<
  Pick<
    PackRequest,
    | "mode"
    | "excludes"
    | "lostAndFound"
    | "mounts"
    | "entriesMax"
    | "oversizedAttributes"
    | "chunkBytesAverage"
  >
> & { readonly previous?: Packed };

/** Packs a directory with the real threads and keeps the archive in memory. */
export async function packDirectory(
  source: string,
  store: MemoryStore,
  choices: PackChoices = {},
): Promise<Packed> {
  const { previous, ...rest } = choices;
  const archive = new MemoryUpload(store);
  const payload = new MemoryUpload(store);
  const counters = new SharedCounters(packCounterFields);
  const problems: SourceProblem[] = [];
  await using thread = PackThread.start();
  await using pool = CodecPool.create({ workerCount: 1 });
  const { arena } = thread;
  const consumer = (upload: MemoryUpload) => (cuts: Parameters<typeof uploadCuts>[0]) =>
    uploadCuts(cuts, { arena, pool, upload, expected: previous ? "known" : "new" });
  const previousArena = SharedArena.create({ slotCount: 8, slotBytes: 1024 * 1024 });
  using answering =
    previous &&
    answerChunks({
      chunkCount: previous.archive.ends.length,
      readChunk: async (i) => await Promise.resolve(previous.archive.chunk(i)),
      arena: previousArena,
      aheadMax: 2,
      start: "both ends",
      onFailure: (error) => {
        throw error;
      },
    });
  const catalog = new MemoryUpload(store);
  const catalogDone = consumer(catalog)(thread.catalog);
  const mode = choices.mode ?? "data";
  await thread.pack(
    {
      source: Buffer.from(source),
      mode,
      catalogName: "test.pxar.didx",
      chunkBytesAverage: 64 * 1024,
      excludes: [],
      lostAndFound: "pack",
      mounts: [],
      entriesMax: 1024 * 1024,
      oversizedAttributes: "fail",
      ...rest,
      counters: counters.memory,
      previous:
        previous && answering
          ? {
              metadataIndex: previous.archive.file(),
              payloadIndex: previous.payload.file(),
              asking: answering.asking,
              arena: previousArena.handle,
              keptMax: 2,
            }
          : undefined,
    },
    {
      consumers:
        mode === "legacy"
          ? { archive: consumer(archive) }
          : { metadata: consumer(archive), payload: consumer(payload) },
      onProblem: (problem) => problems.push(problem),
    },
  );
  if (mode === "legacy") {
    await thread.finishCatalog();
    await catalogDone;
  } else catalogDone.catch(() => undefined);
  return {
    archive,
    payload,
    catalog,
    problems,
    counts: Object.fromEntries(
      packCounterFields.map((field) => [field, counters.read(field)]),
    ) as Packed["counts"],
  };
}

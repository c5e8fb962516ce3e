import { SharedArena } from "../../chunks/shared-arena.ts";
import { startWorker } from "../../chunks/start-worker.ts";
import { formatErrorFrom } from "../../chunks/codec-message.ts";
import { answerChunks, type ChunkAnswering } from "../archive/chunk-answering.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { CHUNKS_KEPT } from "./extract-archive.ts";
import { RestoreError } from "./restore-error.ts";
import { type RestoreProblem } from "./restore-problem.ts";
import { type RestoreAnswer, type RestoreOptions, type RestoreRequest } from "./restore-request.ts";

/** An archive to restore from. */
export interface RestorableArchive {
  /** `.didx` file. */
  readonly indexFile: Uint8Array;
  readonly chunkCount: number;
  /**
   * Reads the plaintext of a chunk by its position, proven; calls overlap.
   *
   * @param into Shared memory that the plaintext may be put into, so that it need not be new.
   */
  readonly readChunk: (index: number, into?: Uint8Array) => Promise<Uint8Array>;
}

/** What {@link restoreTree} restores. */
export interface RestoreTreeOptions {
  /** The archive, or the metadata archive of a split one. */
  readonly archive: RestorableArchive;
  /** The payload archive of a split one. */
  readonly payload: RestorableArchive | undefined;
  /** Directory to restore into; made if it is missing. */
  readonly target: Uint8Array;
  /** What to restore; everything when empty. */
  readonly patterns: readonly string[];
  readonly options: RestoreOptions;
  /** Memory of `SharedCounters` over `restoreCounterFields`. */
  readonly counters: SharedArrayBuffer;
  readonly onProblem: (problem: RestoreProblem) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Chunks fetched and decoded ahead of the thread that writes files: of the archive with the content, and of the other. */
const CONTENT_AHEAD_MAX = 6;
const METADATA_AHEAD_MAX = 1;

/**
 * Slots for what is ahead of and in the writing thread, and two for chunks that turned out not to be wanted.
 *
 * The memory of a restore is this many chunks of at most 16 MiB, 4 MiB on average.
 */
const SLOT_COUNT = CONTENT_AHEAD_MAX + METADATA_AHEAD_MAX + 2 * (CHUNKS_KEPT + 1) + 2;

/**
 * Restores a file tree from an archive in a thread of its own, while chunks are fetched here.
 *
 * After a failure or an abort, what was restored so far stays.
 *
 * @throws {RestoreError} {@link FormatError} for a damaged archive; what `readChunk` throws; the signal's reason.
 */
export async function restoreTree(options: RestoreTreeOptions): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  let isOver = false;
  let chunkFailure: { readonly error: unknown } | undefined;
  const arena = SharedArena.create({ slotCount: SLOT_COUNT, slotBytes: CHUNK_BYTES_MAX });
  const answering = (archive: RestorableArchive, aheadMax: number): ChunkAnswering =>
    answerChunks({
      ...archive,
      arena,
      aheadMax,
      start: "first chunk",
      onFailure: (error) => {
        if (!isOver) chunkFailure ??= { error };
      },
    });
  using archive = answering(
    options.archive,
    options.payload ? METADATA_AHEAD_MAX : CONTENT_AHEAD_MAX,
  );
  using payload = options.payload && answering(options.payload, CONTENT_AHEAD_MAX);
  const request: RestoreRequest = {
    target: options.target,
    archive: { index: options.archive.indexFile, asking: archive.asking },
    payload:
      options.payload && payload
        ? { index: options.payload.indexFile, asking: payload.asking }
        : undefined,
    patterns: options.patterns,
    options: options.options,
    arena: arena.handle,
    counters: options.counters,
  };
  try {
    await runThread(request, options.onProblem, signal);
  } catch (error) {
    // The thread only knows that a chunk was not there; why, is known here.
    signal?.throwIfAborted();
    throw chunkFailure ? chunkFailure.error : error;
  } finally {
    isOver = true;
  }
}

async function runThread(
  request: RestoreRequest,
  onProblem: (problem: RestoreProblem) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ports = [
    request.archive.asking.port,
    ...(request.payload ? [request.payload.asking.port] : []),
  ];
  const worker = startWorker("restore-worker", import.meta.url, {
    workerData: request,
    transferList: ports,
  });
  let onAbort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on("message", (answer: RestoreAnswer) => {
        if (answer.kind === "problem") onProblem(answer.problem);
        else if (answer.kind === "done") resolve();
        else reject(putTogether(answer.failure));
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        reject(new RestoreError("RESTORE_STOPPED", Buffer.from(request.target).toString()));
      });
      onAbort = () => {
        reject(signal?.reason instanceof Error ? signal.reason : new Error("aborted"));
      };
      signal?.addEventListener("abort", onAbort);
    });
  } finally {
    if (onAbort) signal?.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

function putTogether(failure: (RestoreAnswer & { readonly kind: "failed" })["failure"]): Error {
  switch (failure.kind) {
    case "restore": {
      const { code, path, message } = failure;
      const error = new RestoreError(code, path);
      error.message = message;
      return error;
    }
    case "format":
      return formatErrorFrom(failure);
    case "other": {
      const error = new Error(failure.message);
      error.stack = failure.stack;
      return error;
    }
  }
}

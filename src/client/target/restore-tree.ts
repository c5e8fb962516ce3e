import { type Worker } from "node:worker_threads";

import { SharedArena } from "../../chunks/shared-arena.ts";
import { endThread } from "../../chunks/end-thread.ts";
import { startWorker } from "../../chunks/start-worker.ts";
import { answerChunks, type ChunkAnswering } from "../archive/chunk-answering.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { CHUNKS_KEPT } from "./extract-archive.ts";
import { JobRing } from "./job-ring.ts";
import { RestoreError } from "./restore-error.ts";
import { putTogether } from "./restore-failure.ts";
import { type RestoreProblem } from "./restore-problem.ts";
import {
  type ContentDamage,
  type RestoreAnswer,
  type RestoreOptions,
  type RestorePattern,
  type RestoreRequest,
  type WriterAnswer,
  type WriterRequest,
} from "./restore-request.ts";

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

/** A file that was left out, and why. */
export interface FileDamage {
  /** Path below the target, any bytes. */
  readonly path: Uint8Array;
  /** Which archive lacks the content: the payload of a split one, else the archive itself. */
  readonly archive: "archive" | "payload";
  readonly cause: unknown;
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
  readonly patterns: readonly RestorePattern[];
  /** Names on the way from the root to the directory that becomes the target, for which patterns count; the root if left out. */
  readonly below?: readonly Uint8Array[];
  readonly options: RestoreOptions;
  /** Threads that make files besides the one that reads the archive; without any, that one does. */
  readonly writerCount: number;
  /** Memory of `SharedCounters` over `restoreCounterFields`. */
  readonly counters: SharedArrayBuffer;
  readonly onProblem: (problem: RestoreProblem) => void;
  /** Whether a failed read concerns this chunk alone, so that files elsewhere are worth restoring. */
  readonly isDamage: (error: unknown) => boolean;
  /** Told of every file whose content is damaged; the rest is restored. */
  readonly onDamage: (damage: FileDamage) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Chunks fetched and decoded ahead of the threads that write files: of the archive with the content, and of the other. */
const CONTENT_AHEAD_MAX = 6;
const METADATA_AHEAD_MAX = 1;

/** Chunks whose files are still being written when the reading thread is beyond them, for each writing thread. */
const SLOTS_PER_WRITER = 2;

/**
 * Slots for what is ahead of and in the reading thread, and two for chunks that turned out not to be wanted.
 *
 * The memory of a restore is this many chunks of at most 16 MiB, 4 MiB on average, and those of the writers.
 */
const SLOT_COUNT = CONTENT_AHEAD_MAX + METADATA_AHEAD_MAX + 2 * (CHUNKS_KEPT + 1) + 2;

/** Jobs that wait for one thread: some hundred files, so that few directories are open. */
const RING_BYTES = 64 * 1024;

/**
 * Restores a file tree from an archive in threads of its own, while chunks are fetched here.
 *
 * After a failure or an abort, what was restored so far stays, and no file is cut short.
 *
 * @throws {RestoreError} {@link FormatError} for a damaged archive; what `readChunk` throws; the signal's reason.
 */
export async function restoreTree(options: RestoreTreeOptions): Promise<void> {
  options.signal?.throwIfAborted();
  await new TreeRestore(options).run();
}

class TreeRestore {
  readonly #options: RestoreTreeOptions;
  readonly #arena: SharedArena;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  /** Why chunks could not be read, by archive and position. */
  readonly #damaged = new Map<string, unknown>();
  readonly #answering: ChunkAnswering[] = [];
  readonly #reported = new Set<string>();
  #failure: { readonly error: unknown } | undefined;
  readonly #workers: Worker[] = [];

  constructor(options: RestoreTreeOptions) {
    this.#options = options;
    this.#arena = SharedArena.create({
      slotCount: SLOT_COUNT + SLOTS_PER_WRITER * options.writerCount,
      slotBytes: CHUNK_BYTES_MAX,
    });
  }

  async run(): Promise<void> {
    const { archive, payload, target, patterns, below, options, counters, signal } = this.#options;
    const asked = this.#answer(
      "archive",
      archive,
      payload ? METADATA_AHEAD_MAX : CONTENT_AHEAD_MAX,
    );
    const askedPayload = payload && this.#answer("payload", payload, CONTENT_AHEAD_MAX);
    const rings = Array.from({ length: this.#options.writerCount }, () =>
      JobRing.create(RING_BYTES),
    );
    const request: RestoreRequest = {
      target,
      archive: { index: archive.indexFile, asking: asked.asking },
      payload:
        payload && askedPayload
          ? { index: payload.indexFile, asking: askedPayload.asking }
          : undefined,
      patterns,
      below: below ?? [],
      options,
      arena: this.#arena.handle,
      counters,
      rings: rings.map(({ memory }) => memory),
      stop: this.#stop.buffer,
    };
    const onAbort = (): void => {
      this.#fail(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort);
    try {
      const reading = this.#startReader(request);
      const writing = rings.map(async ({ memory }) => {
        await this.#startWriter({ ring: memory, arena: this.#arena.handle, options });
      });
      await Promise.all([reading, ...writing]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      for (const answering of this.#answering) answering[Symbol.dispose]();
    }
    if (this.#failure) throw this.#failure.error;
  }

  #answer(
    name: FileDamage["archive"],
    archive: RestorableArchive,
    aheadMax: number,
  ): ChunkAnswering {
    const answering = answerChunks({
      chunkCount: archive.chunkCount,
      readChunk: async (index, into) => {
        // Every file in a damaged chunk asks for it again.
        if (this.#damaged.has(chunkKey(name, index)))
          throw this.#damaged.get(chunkKey(name, index));
        return await archive.readChunk(index, into);
      },
      arena: this.#arena,
      aheadMax,
      start: "first chunk",
      onFailure: (error, index) => {
        if (this.#options.isDamage(error)) this.#damaged.set(chunkKey(name, index), error);
        else this.#fail(error);
      },
    });
    this.#answering.push(answering);
    return answering;
  }

  /** The first failure ends the restore: the reading thread stops, and the others do what it has asked for. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    Atomics.store(this.#stop, 0, 1);
    for (const answering of this.#answering) answering.giveUp();
  }

  async #startReader(request: RestoreRequest): Promise<void> {
    const ports = [request.archive, request.payload].flatMap((asked) =>
      asked ? [asked.asking.port] : [],
    );
    const worker = startWorker("restore-worker", import.meta.url, {
      workerData: request,
      transferList: ports,
    });
    worker.on("message", (answer: RestoreAnswer) => {
      switch (answer.kind) {
        case "problem":
          this.#tellProblem(answer.problem);
          return;
        case "damage":
          this.#tellDamage(answer.damage);
          return;
        case "failed":
          this.#fail(this.#failureOf(answer));
      }
    });
    await this.#untilExit(worker);
  }

  async #startWriter(request: WriterRequest): Promise<void> {
    const worker = startWorker("writer-worker", import.meta.url, { workerData: request });
    worker.on("message", (answer: WriterAnswer) => {
      if (answer.kind === "problem") this.#tellProblem(answer.problem);
      else this.#fail(putTogether(answer.failure));
    });
    await this.#untilExit(worker);
  }

  /**
   * Waits until a thread has ended by itself, which it does when everything was done or has failed.
   *
   * A thread that breaks down is a mistake of ours; the others would wait for it.
   */
  async #untilExit(worker: Worker): Promise<void> {
    this.#workers.push(worker);
    const breakDown = (error: unknown): void => {
      this.#fail(error);
      for (const other of this.#workers) void endThread(other);
    };
    worker.on("error", breakDown);
    await new Promise<void>((resolve) => {
      worker.on("exit", (status) => {
        const target = Buffer.from(this.#options.target).toString();
        if (status !== 0) breakDown(new RestoreError("RESTORE_STOPPED", target));
        resolve();
      });
    });
  }

  /** Every thread tells a problem once; here it is told once for all of them. */
  #tellProblem(problem: RestoreProblem): void {
    const key = `${problem.kind} ${problem.reason}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#options.onProblem(problem);
  }

  #tellDamage({ path, archive, chunk, failure }: ContentDamage): void {
    const cause = chunk === undefined ? undefined : this.#damaged.get(chunkKey(archive, chunk));
    if (this.#failure) return; // It was asked for in vain because all ends.
    this.#options.onDamage({ path, archive, cause: cause ?? putTogether(failure) });
  }

  /** The thread only knows that a chunk was not there; why, is known here. */
  #failureOf(answer: RestoreAnswer & { readonly kind: "failed" }): unknown {
    const { failure, chunk, path } = answer;
    const cause = chunk === undefined ? undefined : this.#damaged.get(chunkKey("archive", chunk));
    if (cause === undefined) return putTogether(failure);
    const text = Buffer.from(path).toString();
    const error = new RestoreError(
      "RESTORE_INCOMPLETE",
      text,
      "the archive cannot be read on from here; what came before was restored",
    );
    error.cause = cause;
    return error;
  }
}

function chunkKey(archive: FileDamage["archive"], index: number): string {
  return `${archive} ${index}`;
}

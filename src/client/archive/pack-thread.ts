import { type MessagePort, type Worker } from "node:worker_threads";

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { SharedArena } from "../../chunks/shared-arena.ts";
import { startWorker } from "../../chunks/start-worker.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { SourceError } from "../source/source-error.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { MessageQueue } from "./message-queue.ts";
import {
  type PackAnswer,
  type PackCommand,
  type PackFailure,
  type PackRequest,
  type PackStream,
  type ArchiveStream,
  type PackWorkerData,
  archiveStreams,
} from "./pack-request.ts";

/** Consumes the pieces of one stream to its end; data cuts are in {@link PackThread.arena} and have to be released. */
export type StreamConsumer = (cuts: AsyncIterable<Cut>) => Promise<void>;

/** What one archive is packed with. */
export interface PackOptions {
  /** One for every stream of the request's mode but the catalogue. */
  readonly consumers: Partial<Record<ArchiveStream, StreamConsumer>>;
  readonly onProblem: (problem: SourceProblem) => void;
}

/**
 * Slots of the arena: one per stream under construction, two per codec thread, and some between.
 *
 * The memory of a backup is this many chunks of at most 16 MiB, 4 MiB on average.
 */
const SLOT_COUNT = 8;

/** A walk makes short-lived objects for every entry; with the default of 16 MiB a tenth of its time goes into collecting them. */
const YOUNG_GENERATION_MB = 64;

/**
 * The thread that reads file trees, as the main thread sees it.
 *
 * Starting takes some 50 ms, so it is started before the server is asked anything. After a failure, or when it has been
 * disposed, nothing more can be packed. Disposing ends it wherever it is.
 */
export class PackThread implements AsyncDisposable {
  /** Where the chunks are. */
  readonly arena: SharedArena;
  readonly #worker: Worker;
  readonly #catalog = new MessageQueue<Cut>();
  readonly #queues = new Map<ArchiveStream, MessageQueue<Cut>>();
  #onProblem: (problem: SourceProblem) => void = () => undefined;
  #current: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor() {
    this.arena = SharedArena.create({ slotCount: SLOT_COUNT, slotBytes: CHUNK_BYTES_MAX });
    const data: PackWorkerData = { arena: this.arena.handle };
    this.#worker = startWorker("pack-worker", import.meta.url, {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    this.#worker.unref();
    this.#worker.on("message", (answer: PackAnswer) => {
      this.#receive(answer);
    });
    this.#worker.on("error", (error) => {
      this.#fail(error);
    });
    this.#worker.on("exit", () => {
      this.#fail(new SourceError("SOURCE_STOPPED", "/"));
    });
  }

  /** Starts the thread. */
  static start(): PackThread {
    return new PackThread();
  }

  /**
   * Packs one tree; the next only after this one.
   *
   * A consumer that fails ends the thread.
   *
   * @throws {SourceError} When the tree cannot be packed at all.
   */
  async pack(request: PackRequest, options: PackOptions): Promise<void> {
    this.#onProblem = options.onProblem;
    const ports: MessagePort[] = request.previous ? [request.previous.asking.port] : [];
    await this.#perform({ kind: "pack", request }, options.consumers, ports);
  }

  /**
   * Pieces of the catalogue, which every unsplit archive adds to; for one consumer, which has to be there as soon as the
   * first is packed. Ends with {@link finishCatalog}.
   */
  get catalog(): AsyncIterable<Cut> {
    return this.#catalog;
  }

  /** Ends the catalogue of all unsplit archives packed so far. */
  async finishCatalog(): Promise<void> {
    await this.#perform({ kind: "finishCatalog" }, {}, []);
    this.#catalog.end();
  }

  /** Ends the thread at once; what runs fails with `error`. */
  stop(error: unknown): void {
    this.#fail(error);
    void this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #perform(
    command: PackCommand,
    consumers: PackOptions["consumers"],
    ports: readonly MessagePort[],
  ): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    const running: Promise<void>[] = [];
    for (const stream of archiveStreams) {
      const consume = consumers[stream];
      if (!consume) continue;
      const queue = new MessageQueue<Cut>();
      this.#queues.set(stream, queue);
      running.push(consume(queue));
    }
    running.push(
      new Promise((resolve, reject) => {
        this.#current = { resolve, reject };
      }),
    );
    this.#worker.ref();
    this.#worker.postMessage(command, ports);
    try {
      await Promise.all(running);
    } catch (error) {
      this.#fail(error);
      await this.#worker.terminate();
      await Promise.allSettled(running);
      throw error;
    } finally {
      this.#worker.unref();
      this.#queues.clear();
    }
  }

  #receive(answer: PackAnswer): void {
    switch (answer.kind) {
      case "cut":
        this.#queueOf(answer.stream)?.push(answer.cut);
        return;
      case "problem":
        this.#onProblem(answer.problem);
        return;
      case "done":
        for (const queue of this.#queues.values()) queue.end();
        this.#current?.resolve();
        return;
      case "failed":
        this.#fail(putTogether(answer.failure));
    }
  }

  #queueOf(stream: PackStream): MessageQueue<Cut> | undefined {
    return stream === "catalog" ? this.#catalog : this.#queues.get(stream);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const queue of [...this.#queues.values(), this.#catalog]) queue.fail(this.#failure.error);
    this.#current?.reject(this.#failure.error);
  }
}

function putTogether(failure: PackFailure): Error {
  if (failure.kind === "source") {
    const { code, path, cause } = failure;
    return new SourceError(code, path, cause === "" ? undefined : { cause: new Error(cause) });
  }
  const error = new Error(failure.message);
  error.stack = failure.stack;
  return error;
}

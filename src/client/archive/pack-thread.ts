import assert from "node:assert/strict";
import { type MessagePort, type Worker } from "node:worker_threads";

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { SharedArena } from "../../chunks/shared-arena.ts";
import { endThread } from "../../chunks/end-thread.ts";
import { startWorker } from "../../chunks/start-worker.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { SourceError } from "../source/source-error.ts";
import { type SourceProblem } from "../source/source-problem.ts";
import { failureCarried } from "./carried-failure.ts";
import { MessageQueue } from "./message-queue.ts";
import {
  type PackAnswer,
  type PackCommand,
  type PackRequest,
  type PackStream,
  type ArchiveStream,
  type PackWorkerData,
  type WalkRequest,
  archiveStreams,
} from "./pack-request.ts";
import { createWalkStream, type WalkStreamEnd } from "./walk-stream.ts";

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

/** Packing makes short-lived objects for every entry; with the default of 16 MiB a tenth of its time goes into collecting them. */
const YOUNG_GENERATION_MB = 24;

/**
 * The two threads that read file trees, as the main thread sees them: one walks, the other reads content and packs.
 *
 * Starting takes some 50 ms, so they are started before the server is asked anything, and walking can begin at once
 * ({@link walkAhead}). After a failure, or when they have been disposed, nothing more can be packed. Disposing ends them
 * wherever they are.
 */
export class PackThread implements AsyncDisposable {
  /** Where the chunks are. */
  readonly arena: SharedArena;
  readonly #worker: Worker;
  readonly #walker: Worker;
  /** Trees whose walk was asked for and that were not packed yet, in order. */
  readonly #walks: WalkRequest[] = [];
  readonly #catalog = new MessageQueue<Cut>();
  readonly #queues = new Map<ArchiveStream, MessageQueue<Cut>>();
  #onProblem: (problem: SourceProblem) => void = () => undefined;
  #current: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;
  #failure: { readonly error: unknown } | undefined;

  private constructor() {
    this.arena = SharedArena.create({ slotCount: SLOT_COUNT, slotBytes: CHUNK_BYTES_MAX });
    const { sending, receiving } = createWalkStream();
    const data: PackWorkerData = { arena: this.arena.handle, walks: receiving };
    this.#worker = this.#start("pack-worker", data, receiving.port);
    this.#walker = this.#start("walk-worker", sending, sending.port);
    this.#worker.on("message", (answer: PackAnswer) => {
      this.#receive(answer);
    });
  }

  /** Starts the threads. */
  static start(): PackThread {
    return new PackThread();
  }

  /**
   * Begins to walk trees that will be packed, in this order, before {@link pack} is called for them.
   *
   * What is archived of an unchanged file is the state it has now. The walk stops by itself when it is some
   * hundred thousand entries ahead.
   */
  walkAhead(requests: readonly WalkRequest[]): void {
    for (const request of requests) {
      const { source, mode, excludes, lostAndFound } = request;
      const { mounts, entriesMax, oversizedAttributes } = request;
      const walk = {
        source,
        mode,
        excludes,
        lostAndFound,
        mounts,
        entriesMax,
        oversizedAttributes,
      };
      this.#walks.push(walk);
      this.#walker.postMessage(walk);
    }
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
    if (this.#walks.length === 0) this.walkAhead([request]);
    const walk = this.#walks.shift();
    assert(walk && Buffer.compare(walk.source, request.source) === 0, "another tree was walked");
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
    void this.#terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#terminate();
  }

  #start(name: string, data: PackWorkerData | WalkStreamEnd, port: MessagePort): Worker {
    const worker = startWorker(name, import.meta.url, {
      workerData: data,
      transferList: [port],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    worker.unref();
    worker.on("error", (error) => {
      this.#fail(error);
    });
    worker.on("exit", () => {
      this.#fail(new SourceError("SOURCE_STOPPED", "/"));
    });
    return worker;
  }

  async #terminate(): Promise<void> {
    await Promise.all([endThread(this.#worker), endThread(this.#walker)]);
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
      await this.#terminate();
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
        this.#fail(failureCarried(answer.failure));
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

import { MessageChannel } from "node:worker_threads";

import { type SharedArena } from "../../chunks/shared-arena.ts";
import { type ChunkAnswer, type ChunkAsking, type ChunkRequest } from "./blocking-source.ts";

/** The answering end of a {@link ChunkAsking}. */
export interface ChunkAnswering extends Disposable {
  /** For the asking thread; its port has to be transferred. */
  readonly asking: ChunkAsking;
  /** Answers what is asked and will be asked with nothing, so that the asking thread waits no longer. */
  giveUp(): void;
}

/** What is answered from. */
export interface AnsweringOptions {
  /** Number of chunks. */
  readonly chunkCount: number;
  /**
   * Reads the plaintext of a chunk; shared memory is passed on without a copy.
   *
   * @param into A slot of {@link arena} to put it into, if there is one.
   */
  readonly readChunk: (index: number, into?: Uint8Array) => Promise<Uint8Array>;
  /** Slots for plaintext; the asking thread gives back those it has got. */
  readonly arena?: SharedArena;
  /** Chunks read before they are asked for, counted from the last one asked for. */
  readonly aheadMax: number;
  /** Which chunks are likely to be asked for first. */
  readonly start: "first chunk" | "both ends";
  /** Told of each chunk that cannot be read; the asking thread goes on without it. */
  readonly onFailure: (error: unknown, index: number) => void;
}

interface Delivered {
  readonly plain: Uint8Array | undefined;
  readonly slot: number | undefined;
}

/** Whether a view from another thread is the front of this memory; its buffer is another object over the same bytes. */
function isFrontOf(memory: Uint8Array, plain: Uint8Array): boolean {
  return (
    plain.byteOffset === memory.byteOffset &&
    plain.buffer.byteLength === memory.buffer.byteLength &&
    !(plain.buffer instanceof ArrayBuffer)
  );
}

const NOTHING: Delivered = Object.freeze({ plain: undefined, slot: undefined });

/**
 * Answers a thread that reads an archive chunk by chunk and blocks meanwhile; reads ahead of it.
 *
 * Never leaves a request without an answer. Memory: `aheadMax` chunks and the one asked for.
 */
export function answerChunks(options: AnsweringOptions): ChunkAnswering {
  const { chunkCount, onFailure, aheadMax, arena } = options;
  const { port1: mine, port2: theirs } = new MessageChannel();
  const memory = new SharedArrayBuffer(4);
  const signal = new Int32Array(memory);
  const started = new Map<number, Promise<Delivered>>();
  const stop = new AbortController();
  let giveUp: () => void = () => undefined;
  const givenUp = new Promise<Delivered>((resolve) => {
    giveUp = () => {
      resolve(NOTHING);
    };
  });

  const read = async (index: number): Promise<Delivered> => {
    let slot: number | undefined;
    try {
      slot = await arena?.acquireAsync({ signal: stop.signal });
      const into = arena && slot !== undefined ? arena.view(slot, 0, arena.slotBytes) : undefined;
      const plain = await options.readChunk(index, into);
      // Whoever gets a slot finds the plaintext in it.
      if (!into || isFrontOf(into, plain)) return { plain, slot };
      into.set(plain);
      return { plain: into.subarray(0, plain.length), slot };
    } catch (error) {
      if (slot !== undefined) arena?.release(slot);
      onFailure(error, index);
      return NOTHING;
    }
  };
  const start = (index: number): Promise<Delivered> => {
    const present = started.get(index) ?? read(index);
    started.set(index, present);
    return present;
  };
  const drop = async (index: number): Promise<void> => {
    const dropped = started.get(index);
    started.delete(index);
    const slot = (await dropped)?.slot;
    if (slot !== undefined) arena?.release(slot);
  };
  const answer = async ({ index }: ChunkRequest): Promise<void> => {
    const wanted = start(index);
    for (let next = index + 1; next <= index + aheadMax && next < chunkCount; next++) {
      void start(next);
    }
    started.delete(index); // It is the other thread's from now on.
    for (const old of started.keys()) {
      if (old < index || old > index + aheadMax) void drop(old);
    }
    mine.postMessage({ index, ...(await Promise.race([wanted, givenUp])) } satisfies ChunkAnswer);
    Atomics.add(signal, 0, 1);
    Atomics.notify(signal, 0);
  };
  mine.on("message", (request: ChunkRequest) => void answer(request));
  mine.unref();
  // Who searches a tree looks at the root's table, at the end, before anything else.
  if (options.start === "both ends" && chunkCount > 1) void start(chunkCount - 1);
  if (chunkCount > 0) void start(0);
  return {
    asking: { port: theirs, signal: memory },
    giveUp: () => {
      giveUp();
    },
    [Symbol.dispose]() {
      mine.close();
      stop.abort();
    },
  };
}

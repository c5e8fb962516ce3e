import { MessageChannel } from "node:worker_threads";

import { type ChunkAnswer, type ChunkAsking, type ChunkRequest } from "./blocking-source.ts";

/** The answering end of a {@link ChunkAsking}. */
export interface ChunkAnswering extends Disposable {
  /** For the asking thread; its port has to be transferred. */
  readonly asking: ChunkAsking;
}

/** What is answered from. */
export interface AnsweringOptions {
  /** Number of chunks. */
  readonly chunkCount: number;
  /** Reads the plaintext of a chunk; shared memory is passed on without a copy. */
  readonly readChunk: (index: number) => Promise<Uint8Array>;
  /** Chunks read before they are asked for, counted from the last one asked for. */
  readonly aheadMax: number;
  /** Which chunks are likely to be asked for first. */
  readonly start: "first chunk" | "both ends";
  /** Told of each chunk that cannot be read; the asking thread goes on without it. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Answers a thread that reads an archive chunk by chunk and blocks meanwhile; reads ahead of it.
 *
 * Never leaves a request without an answer. Memory: `aheadMax` chunks and the one asked for.
 */
export function answerChunks(options: AnsweringOptions): ChunkAnswering {
  const { chunkCount, readChunk, onFailure, aheadMax } = options;
  const { port1: mine, port2: theirs } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const started = new Map<number, Promise<Uint8Array | undefined>>();

  const start = (index: number): Promise<Uint8Array | undefined> => {
    let plain = started.get(index);
    if (plain === undefined) {
      plain = readChunk(index).catch((error: unknown) => {
        onFailure(error);
        return undefined;
      });
      started.set(index, plain);
    }
    return plain;
  };
  const answer = async ({ index }: ChunkRequest): Promise<void> => {
    const plain = start(index);
    for (let next = index + 1; next <= index + aheadMax && next < chunkCount; next++)
      void start(next);
    for (const old of started.keys()) {
      if (old < index || old > index + aheadMax) started.delete(old);
    }
    mine.postMessage({ index, plain: await plain } satisfies ChunkAnswer);
    Atomics.add(signal, 0, 1);
    Atomics.notify(signal, 0);
  };
  mine.on("message", (request: ChunkRequest) => void answer(request));
  mine.unref();
  // Who searches a tree looks at the root's table, at the end, before anything else.
  if (options.start === "both ends" && chunkCount > 1) void start(chunkCount - 1);
  if (chunkCount > 0) void start(0);
  return {
    asking: { port: theirs, signal: signal.buffer },
    [Symbol.dispose]() {
      mine.close();
    },
  };
}

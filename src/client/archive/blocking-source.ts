import assert from "node:assert/strict";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";

import { type ResidentSource } from "../../format/bytes/resident-source.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";

/** What a thread needs to ask another one for chunks while it is blocked itself. */
export interface ChunkAsking {
  /** Carries {@link ChunkRequest} one way and {@link ChunkAnswer} the other. */
  readonly port: MessagePort;
  /** One 32-bit number that grows with every answer. */
  readonly signal: SharedArrayBuffer;
}

/** Asks for a chunk by its position in the index. */
export interface ChunkRequest {
  readonly index: number;
}

/** The plaintext of a chunk in shared memory, or nothing when it cannot be had. */
export interface ChunkAnswer {
  readonly index: number;
  readonly plain: Uint8Array | undefined;
  /** Slot of an arena that the plaintext is at the front of, which the asking thread gives back. */
  readonly slot: number | undefined;
}

/** What a {@link BlockingSource} keeps. */
export interface BlockingSourceOptions {
  /** Chunks used last that stay in memory; at least 1. */
  readonly keptMax: number;
  /** Where slots are given back; needed if answers come in slots. */
  readonly arena?: SharedArena;
}

interface KeptChunk {
  readonly plain: Uint8Array;
  readonly slot: number | undefined;
}

/**
 * Bytes of an archive that is read chunk by chunk through another thread, which the calling thread waits for.
 *
 * Never throws `NotResident`. A chunk that the other thread cannot deliver is a `FormatError`, since to the reader of an
 * archive it is as good as damaged. Memory: `keptMax` chunks.
 */
export class BlockingSource implements ResidentSource {
  readonly #index: ChunkIndex;
  readonly #asking: ChunkAsking;
  readonly #signal: Int32Array;
  readonly #options: BlockingSourceOptions;
  /** In order of use, the most recent last. */
  readonly #chunks = new Map<number, KeptChunk>();
  #current: Uint8Array = new Uint8Array(0);
  #currentStart = 0;
  #missingChunk: number | undefined;

  /** Reads nothing yet. */
  constructor(index: ChunkIndex, asking: ChunkAsking, options: BlockingSourceOptions) {
    this.#options = options;
    this.#index = index;
    this.#asking = asking;
    this.#signal = new Int32Array(asking.signal);
  }

  get size(): number {
    return this.#index.size;
  }

  /** Position of the chunk for which the last read failed; `undefined` when it failed for another reason. */
  get missingChunk(): number | undefined {
    return this.#missingChunk;
  }

  read(offset: number, size: number): Uint8Array {
    const at = offset - this.#currentStart;
    if (at >= 0 && at + size <= this.#current.length) {
      return this.#current.subarray(at, at + size);
    }
    return this.#readElsewhere(offset, size);
  }

  /**
   * Bytes from `offset` on that lie in one chunk: at least 1, at most `sizeMax`; borrowed like those of {@link read}.
   *
   * For content that is passed on in pieces, which then need not be joined.
   */
  readPiece(offset: number, sizeMax: number): Uint8Array {
    const at = offset - this.#currentStart;
    const left = this.#current.length - at;
    if (at >= 0 && left > 0) return this.#current.subarray(at, at + Math.min(sizeMax, left));
    const i = this.#index.findIndex(offset);
    return this.#readElsewhere(offset, Math.min(sizeMax, this.#index.endOf(i) - offset));
  }

  #readElsewhere(offset: number, size: number): Uint8Array {
    const index = this.#index;
    let i = index.findIndex(offset);
    if (i === index.count || size === 0) return new Uint8Array(0);
    if (offset + size <= index.endOf(i)) {
      this.#current = this.#chunk(i);
      this.#currentStart = index.startOf(i);
      return this.#current.subarray(
        offset - this.#currentStart,
        offset - this.#currentStart + size,
      );
    }
    const joined = new Uint8Array(size);
    for (let done = 0; done < size; i++) {
      const from = offset + done - index.startOf(i);
      const part = this.#chunk(i).subarray(from, from + size - done);
      joined.set(part, done);
      done += part.length;
    }
    return joined;
  }

  #chunk(i: number): Uint8Array {
    const kept = this.#chunks.get(i);
    this.#chunks.delete(i);
    if (!kept) this.#makeRoom();
    const chunk = kept ?? this.#ask(i);
    this.#chunks.set(i, chunk);
    return chunk.plain;
  }

  /** Drops the chunk used longest ago, before another one takes its place. */
  #makeRoom(): void {
    const { keptMax, arena } = this.#options;
    const [oldest] = this.#chunks;
    if (!oldest || this.#chunks.size < keptMax) return;
    const [index, { plain, slot }] = oldest;
    this.#chunks.delete(index);
    if (plain === this.#current) this.#current = new Uint8Array(0);
    if (slot !== undefined) arena?.release(slot);
  }

  #ask(i: number): KeptChunk {
    this.#missingChunk = undefined;
    this.#asking.port.postMessage({ index: i } satisfies ChunkRequest);
    const answer = this.#awaitAnswer();
    assert.equal(answer.index, i, "the answer is to another request");
    const size = this.#index.endOf(i) - this.#index.startOf(i);
    if (answer.plain?.length !== size) {
      this.#missingChunk = i;
      throw new FormatError("FORMAT_INVALID", "archive", `chunk ${i} cannot be read`);
    }
    const { arena } = this.#options;
    const { slot } = answer;
    // A view of this thread's own: every message brings another buffer object over the same memory.
    const plain = arena && slot !== undefined ? arena.view(slot, 0, size) : answer.plain;
    return { plain, slot };
  }

  /**
   * Blocks until the answer to the one request that is under way is there.
   *
   * The end of a wait does not prove that it is: the signal of the answer before may come late, when this one is waited for
   * already. Whoever went on without it would take it for that to the next request.
   */
  #awaitAnswer(): ChunkAnswer {
    for (;;) {
      const before = Atomics.load(this.#signal, 0);
      const received = receiveMessageOnPort(this.#asking.port);
      // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the other end sends nothing else
      if (received) return received.message as ChunkAnswer;
      Atomics.wait(this.#signal, 0, before);
    }
  }
}

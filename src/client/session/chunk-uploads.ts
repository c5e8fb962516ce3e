import { type Digest } from "../../format/chunk/digest.ts";
import { type KnownChunks } from "./known-chunks.ts";

/** Uploads that run at once in one session: measured, more gains nothing (docs/decisions). */
export const UPLOADS_IN_FLIGHT_MAX = 16;

/** A chunk that the server may not have yet. */
export interface NewChunk {
  readonly digest: Digest;
  /** Bytes of plaintext. */
  readonly size: number;
  /** The encoded blob, or the promise of it; borrowed until {@link NewChunk.onSettled}, may lie in shared memory. */
  readonly blob: Promise<Uint8Array> | Uint8Array;
  /** Called once when the bytes of the blob are not needed any more, also when the upload failed. */
  readonly onSettled?: () => void;
}

/** Sends one encoded chunk and resolves when the server has acknowledged it. */
export type SendChunk = (digest: Digest, size: number, blob: Uint8Array) => Promise<void>;

/**
 * Stores every chunk of a session once, whichever archive it comes from.
 *
 * Memory: the blobs whose promise is fulfilled and that wait for one of {@link UPLOADS_IN_FLIGHT_MAX} places; callers
 * bound it by what they hand in before {@link ChunkUploads.store} resolves.
 */
export class ChunkUploads {
  readonly #known: KnownChunks;
  readonly #running = new Map<Digest, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #places: number = UPLOADS_IN_FLIGHT_MAX;

  constructor(known: KnownChunks) {
    this.#known = known;
  }

  /** Whether a chunk need not be handed in as new: the server has it or is getting it. */
  has(digest: Digest): boolean {
    return this.#known.has(digest) || this.#running.has(digest);
  }

  /** Resolves when an upload of the chunk that is running now has been acknowledged; at once when there is none. */
  async settled(digest: Digest): Promise<void> {
    await this.#running.get(digest);
  }

  /**
   * Uploads a chunk unless the session has it already.
   *
   * @returns Bytes that were sent; 0 when the chunk was known or is being sent for another.
   */
  async store(chunk: NewChunk, send: SendChunk): Promise<number> {
    const { digest } = chunk;
    const running = this.#running.get(digest);
    if (running || this.#known.has(digest)) {
      const blob = Promise.resolve(chunk.blob);
      void blob.catch(() => undefined).then(() => chunk.onSettled?.());
      await running;
      return 0;
    }
    const sent = this.#send(chunk, send);
    const done = sent.then(() => undefined);
    done.catch(() => undefined); // Awaited below and by whoever waits for the same chunk.
    this.#running.set(digest, done);
    try {
      const bytes = await sent;
      this.#known.add(digest);
      return bytes;
    } finally {
      this.#running.delete(digest);
      chunk.onSettled?.();
    }
  }

  async #send(chunk: NewChunk, send: SendChunk): Promise<number> {
    const blob = await chunk.blob;
    await this.#takePlace();
    try {
      await send(chunk.digest, chunk.size, blob);
      return blob.length;
    } finally {
      this.#givePlace();
    }
  }

  async #takePlace(): Promise<void> {
    if (this.#places > 0) {
      this.#places -= 1;
      return;
    }
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #givePlace(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#places += 1;
  }
}

/** Value of the word once there will be no more and what there is is worthless. */
const FAILED = -0x80000000;

/** What a reader finds. */
export interface FilledState {
  /** Bytes from the start that will not change any more. */
  readonly size: number;
  /** `failed`: what there is is worthless, and no more will come. */
  readonly state: "growing" | "whole" | "failed";
}

/**
 * How much of some shared memory one thread has filled, for another that follows it.
 *
 * One word in shared memory: the size while it grows, its complement when that is all. Written by one thread, except for
 * {@link fail}, which anybody may call to let the reader go.
 */
export class FilledBytes {
  readonly #word: Int32Array<SharedArrayBuffer>;

  /** Shares the word of another thread, or starts a new one with nothing filled. */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.#word = new Int32Array(memory);
  }

  /** What the other thread makes its own of. */
  get memory(): SharedArrayBuffer {
    return this.#word.buffer;
  }

  /** Says how far it has come. */
  grow(size: number): void {
    this.#tell(size);
  }

  /** Says that this is all. */
  end(size: number): void {
    this.#tell(~size);
  }

  /** Says that it will not be whole; has no effect once it is. */
  fail(): void {
    const now = Atomics.load(this.#word, 0);
    if (now < 0) return;
    Atomics.compareExchange(this.#word, 0, now, FAILED);
    Atomics.notify(this.#word, 0);
  }

  /** Waits, blocking, until more than `size` bytes are filled or it has ended; when nothing comes for `waitMs` it has failed. */
  beyond(size: number, waitMs: number): FilledState {
    for (;;) {
      const now = Atomics.load(this.#word, 0);
      if (now === FAILED) return { size: 0, state: "failed" };
      if (now < 0) return { size: ~now, state: "whole" };
      if (now > size) return { size: now, state: "growing" };
      const outcome = Atomics.wait(this.#word, 0, now, waitMs);
      if (outcome === "timed-out") return { size: 0, state: "failed" };
    }
  }

  #tell(value: number): void {
    Atomics.store(this.#word, 0, value);
    Atomics.notify(this.#word, 0);
  }
}

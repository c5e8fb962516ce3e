import assert from "node:assert/strict";

/** Positions at the start of the memory: bytes written, and bytes read and dealt with. */
const CONTROL_BYTES = 16;
const WRITTEN = 0;
const DONE = 1;
const PREFIX_BYTES = 8;
/** Kind of a record that only fills the space up to the end of the ring. */
const FILLER = 0;

/** Longest record in relation to the ring, so that it can always be written without a gap. */
const RECORD_SHARE_MAX = 4;

/** A record that was read; borrowed until the next one is asked for. */
export interface RingRecord {
  /** What {@link JobRing.commit} was given. */
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/**
 * A queue of binary records from one thread to one other, in shared memory.
 *
 * Both ends block, so neither may be a main thread. A record counts as done when the reader asks for the next one;
 * {@link JobRing.drain} waits until all are. Size and positions are multiples of 8.
 */
export class JobRing {
  readonly #memory: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #reservedAt = 0;
  #readBytes = 0;

  private constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.#control = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, CONTROL_BYTES);
    this.#view = new DataView(memory, CONTROL_BYTES);
  }

  /** Makes a ring of that many bytes, a power of two. */
  static create(sizeBytes: number): JobRing {
    assert(sizeBytes >= 64 && (sizeBytes & (sizeBytes - 1)) === 0);
    return new JobRing(new SharedArrayBuffer(CONTROL_BYTES + sizeBytes));
  }

  /** The other end of a ring, from its {@link memory}. */
  static attach(memory: SharedArrayBuffer): JobRing {
    return new JobRing(memory);
  }

  /** For {@link attach} in another thread. */
  get memory(): SharedArrayBuffer {
    return this.#memory;
  }

  /** Longest record in bytes. */
  get recordBytesMax(): number {
    return this.#bytes.length / RECORD_SHARE_MAX - PREFIX_BYTES;
  }

  /** Bytes that the reader has not dealt with; already outdated when it returns. */
  get pendingBytes(): number {
    const [written, done] = [
      Atomics.load(this.#control, WRITTEN),
      Atomics.load(this.#control, DONE),
    ];
    return (written - done) | 0;
  }

  /**
   * Space for the next record; blocks until there is that much.
   *
   * @returns Borrowed until {@link commit}; at least `size` bytes.
   */
  reserve(size: number): Uint8Array {
    assert(size <= this.recordBytesMax, "the record is too long");
    const needed = PREFIX_BYTES + aligned(size);
    const at = this.#written & (this.#bytes.length - 1);
    const untilEnd = this.#bytes.length - at;
    if (untilEnd < needed) {
      this.#waitForSpace(untilEnd);
      this.#view.setUint32(at, untilEnd, true);
      this.#view.setUint32(at + 4, FILLER, true);
      this.#publish(untilEnd);
    }
    this.#waitForSpace(needed);
    this.#reservedAt = this.#written & (this.#bytes.length - 1);
    const start = this.#reservedAt + PREFIX_BYTES;
    return this.#bytes.subarray(start, start + size);
  }

  /** Passes on the space reserved last as a record of this kind, which is not 0. */
  commit(kind: number, size: number): void {
    this.#view.setUint32(this.#reservedAt, size, true);
    this.#view.setUint32(this.#reservedAt + 4, kind, true);
    this.#publish(PREFIX_BYTES + aligned(size));
  }

  /** Blocks until the reader has dealt with every record. */
  drain(): void {
    this.#waitUntilPendingIsAtMost(0);
  }

  /** The next record; blocks until there is one. The one before counts as done. */
  next(): RingRecord {
    for (;;) {
      if (this.#readBytes > 0) {
        Atomics.add(this.#control, DONE, this.#readBytes);
        Atomics.notify(this.#control, DONE);
        this.#readBytes = 0;
      }
      const done = Atomics.load(this.#control, DONE);
      // A wait may end without a record: a signal of the one before can come late, when this one is waited for already.
      while (this.#written === done) Atomics.wait(this.#control, WRITTEN, done);
      const at = done & (this.#bytes.length - 1);
      const size = this.#view.getUint32(at, true);
      const kind = this.#view.getUint32(at + 4, true);
      if (kind === FILLER) {
        this.#readBytes = size;
        continue;
      }
      this.#readBytes = PREFIX_BYTES + aligned(size);
      const start = at + PREFIX_BYTES;
      return { kind, bytes: this.#bytes.subarray(start, start + size) };
    }
  }

  get #written(): number {
    return Atomics.load(this.#control, WRITTEN);
  }

  #publish(size: number): void {
    Atomics.add(this.#control, WRITTEN, size);
    Atomics.notify(this.#control, WRITTEN);
  }

  #waitForSpace(size: number): void {
    this.#waitUntilPendingIsAtMost(this.#bytes.length - size);
  }

  #waitUntilPendingIsAtMost(size: number): void {
    for (;;) {
      const done = Atomics.load(this.#control, DONE);
      if (((this.#written - done) | 0) <= size) return;
      Atomics.wait(this.#control, DONE, done);
    }
  }
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}

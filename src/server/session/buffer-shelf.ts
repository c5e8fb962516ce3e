/** Buffers have a multiple of this many bytes, so that one fits many answers. */
const STEP_BYTES = 1024 * 1024;

/**
 * Buffers that were used and will be used again, up to a number of bytes.
 *
 * Reading a stored chunk into memory that was used before costs no page faults, and leaves nothing for the garbage
 * collector to find: with new memory for each, the two cost a reader session more than sending (bench/results.md).
 */
export class BufferShelf {
  readonly #bytesMax: number;
  /** The one put back last at the end: its bytes may still be in the processor's cache. */
  readonly #free: ArrayBuffer[] = [];
  #freeBytes = 0;

  /** Keeps at most `bytesMax` bytes that nobody uses. */
  constructor(options: { readonly bytesMax: number }) {
    this.#bytesMax = options.bytesMax;
  }

  /** Bytes that are kept and not in use. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Memory of exactly `size` bytes, with whatever was in it last. */
  take(size: number): Uint8Array {
    const place = this.#free.findLastIndex((buffer) => buffer.byteLength >= size);
    const [found] = place < 0 ? [] : this.#free.splice(place, 1);
    if (found) this.#freeBytes -= found.byteLength;
    const buffer = found ?? new ArrayBuffer(Math.ceil(size / STEP_BYTES) * STEP_BYTES);
    return new Uint8Array(buffer, 0, size);
  }

  /** Puts memory back that was taken, once nobody uses it; each only once, or not at all. */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength > this.#bytesMax) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
    while (this.#freeBytes > this.#bytesMax) this.#freeBytes -= this.#free.shift()?.byteLength ?? 0;
  }
}

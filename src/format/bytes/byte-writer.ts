import { type ByteSink } from "./byte-sink.ts";

/** Builds little-endian bytes in memory; grows by doubling. The counterpart of `ByteReader`. */
export class ByteWriter implements ByteSink {
  #bytes: Uint8Array;
  #view: DataView;
  #size = 0;

  /** Starts empty, with room for `capacity` bytes before the first growth. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get position(): number {
    return this.#size;
  }

  write(bytes: Uint8Array): void {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** Appends one byte. */
  writeU8(value: number): void {
    const start = this.#grow(1);
    this.#view.setUint8(start, value);
  }

  /** Appends unsigned 32 bits. */
  writeU32(value: number): void {
    const start = this.#grow(4);
    this.#view.setUint32(start, value, true);
  }

  /** Appends unsigned 64 bits. */
  writeU64(value: bigint): void {
    const start = this.#grow(8);
    this.#view.setBigUint64(start, value, true);
  }

  /** Appends signed 64 bits. */
  writeI64(value: bigint): void {
    const start = this.#grow(8);
    this.#view.setBigInt64(start, value, true);
  }

  /** Appends a size, offset or count as unsigned 64 bits; must be a safe integer. */
  writeSize(value: number): void {
    const start = this.#grow(8);
    this.#view.setUint32(start, value >>> 0, true);
    this.#view.setUint32(start + 4, Math.floor(value / 0x1_0000_0000), true);
  }

  /** Everything written so far, borrowed: valid until the next write or {@link reset}. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Everything written so far, owned by the caller. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  /** Forgets the content and keeps the memory. */
  reset(): void {
    this.#size = 0;
  }

  #grow(size: number): number {
    const start = this.#size;
    const end = start + size;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#size = end;
    return start;
  }
}

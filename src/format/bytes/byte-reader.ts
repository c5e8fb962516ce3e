import { FormatError } from "../format-error.ts";

/**
 * Reads little-endian values from bytes it borrows, front to back.
 *
 * Every read is checked: running off the end throws `FORMAT_TRUNCATED`, a 64-bit size above 2^53−1
 * throws `FORMAT_OUT_OF_RANGE`, so nothing behind it needs to ask.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #offset = 0;

  /**
   * Starts at the first byte.
   *
   * @param bytes Borrowed for the reader's lifetime.
   * @param what Name of the thing for error messages, for example `dynamic index`.
   */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  /** Bytes consumed so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not consumed yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Consumes `size` bytes; the result is a view, borrowed. */
  readBytes(size: number): Uint8Array {
    const start = this.#take(size);
    return this.#bytes.subarray(start, start + size);
  }

  /** Skips `size` bytes. */
  skip(size: number): void {
    this.#take(size);
  }

  /** One byte. */
  readU8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  /** Unsigned 32 bits. */
  readU32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Unsigned 64 bits that are an identity (item type, name hash), not a size. */
  readU64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** Signed 64 bits. */
  readI64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  /** Unsigned 64 bits that are a size, offset or count; proven to be a safe integer. */
  readSize(): number {
    const start = this.#take(8);
    const low = this.#view.getUint32(start, true);
    const high = this.#view.getUint32(start + 4, true);
    if (high > 0x1fffff) {
      throw new FormatError("FORMAT_OUT_OF_RANGE", this.#what, "a size is above 2^53-1");
    }
    return high * 0x1_0000_0000 + low;
  }

  #take(size: number): number {
    const start = this.#offset;
    if (size > this.#bytes.length - start) {
      throw new FormatError(
        "FORMAT_TRUNCATED",
        this.#what,
        `${size} bytes wanted at offset ${start}, ${this.#bytes.length - start} left`,
      );
    }
    this.#offset = start + size;
    return start;
  }
}

import { FormatError } from "../format-error.ts";

/**
 * Reads a bit stream of zstd from its end to its start.
 *
 * Such a stream ends with a 1 bit that marks where it ends; what was written last is read first. Bits before the start
 * read as zeros and make {@link left} negative: entropy decoders check afterwards.
 *
 * @see RFC 8878 §4.1 (bit streams read backwards)
 */
export class ZstdBits {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  #left: number;

  /**
   * Starts at the mark.
   *
   * @param bytes Borrowed; the stream reaches from `start` to `end`.
   * @throws {FormatError} `FORMAT_INVALID` for a stream without a mark.
   */
  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = end > start ? (bytes[end - 1] ?? 0) : 0;
    if (last === 0) throw new FormatError("FORMAT_INVALID", "zstd data", "an unmarked bit stream");
    this.#bytes = bytes;
    this.#start = start;
    this.#left = (end - start) * 8 - 1 - Math.clz32(last) + 24;
  }

  /** Bits between here and the start; negative after reading over it. */
  get left(): number {
    return this.#left;
  }

  /** Takes `count` bits, at most 31. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return high * 0x10000 + this.read(16);
    }
    const value = this.#peek(count);
    this.#left -= count;
    return value;
  }

  /** The next `count` bits, at most 16. */
  #peek(count: number): number {
    const low = this.#left - count;
    if (low < 0) {
      if (this.#left <= 0) return 0;
      return (this.#bits(0) & ((1 << this.#left) - 1)) << -low;
    }
    return this.#bits(low) & ((1 << count) - 1);
  }

  /** At least 17 bits from bit `position` upwards. */
  #bits(position: number): number {
    const at = this.#start + (position >>> 3);
    const bytes = this.#bytes;
    const three = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return three >>> (position & 7);
  }
}

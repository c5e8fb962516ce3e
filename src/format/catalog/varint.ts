import { type ByteReader } from "../bytes/byte-reader.ts";
import { type ByteWriter } from "../bytes/byte-writer.ts";
import { FormatError } from "../format-error.ts";

const WHAT = "catalogue";
const I64_MAX = 2n ** 63n - 1n;
const VARINT_BYTES_MAX = 10;
const SVARINT_BYTES_MAX = 11;

/** Longest form of a varint in bytes (spec catalog.md §3.1). */
export const VARINT_BYTES: number = VARINT_BYTES_MAX;

/**
 * Appends a size, offset or count: seven bits a byte, the lowest first, bit 7 set when more follow.
 *
 * @param value A safe integer that is not negative.
 * @see spec catalog.md §3.1
 */
export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    writer.writeU8((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  writer.writeU8(rest);
}

/**
 * Reads a size, offset or count; longer forms than needed are accepted.
 *
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_OUT_OF_RANGE` above 2^53−1, `FORMAT_INVALID` for more than ten
 *   bytes.
 */
export function readVarint(reader: ByteReader): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = reader.readU8();
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) {
        throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, "a number is above 2^53-1");
      }
      return value;
    }
    scale *= 0x80;
  }
  throw new FormatError("FORMAT_INVALID", WHAT, "a number has more than ten bytes");
}

/**
 * Appends a signed number: like {@link writeVarint}, but a negative one has bit 7 set in all bytes of its magnitude
 * and a zero byte behind them.
 *
 * @param value Within 64 bits.
 * @see spec catalog.md §3.2
 */
export function writeSvarint(writer: ByteWriter, value: bigint): void {
  let rest = value < 0n ? -value : value;
  while (rest >= 0x80n || (value < 0n && rest > 0n)) {
    writer.writeU8(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  writer.writeU8(Number(rest));
}

/**
 * Reads a signed number.
 *
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_OUT_OF_RANGE` beyond 64 bits, `FORMAT_INVALID` for more than
 *   eleven bytes.
 */
export function readSvarint(reader: ByteReader): bigint {
  let value = 0n;
  for (let i = 0; i < SVARINT_BYTES_MAX; i++) {
    const byte = reader.readU8();
    if (byte === 0) return inRange(-value);
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return inRange(value);
  }
  throw new FormatError("FORMAT_INVALID", WHAT, "a number has more than eleven bytes");
}

function inRange(value: bigint): bigint {
  if (value > I64_MAX || value < -I64_MAX - 1n) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, "a number needs more than 64 bits");
  }
  return value;
}

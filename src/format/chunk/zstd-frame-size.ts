import { FormatError } from "../format-error.ts";
import { TargetTooSmall } from "./zstd-bounds.ts";
import { type ZstdFrame, zstdBlocks } from "./zstd-frames.ts";
import { decodeSequences, type SequenceTables } from "./zstd-sequences.ts";
import { checkZstdWeights } from "./zstd-weights.ts";

/**
 * Plain size of a frame, found without making any of its plaintext.
 *
 * Only the headers and the sequences of each block are decoded, for what a decoder that trusts its input has to be
 * told: that no block makes more than it may, no match reaches before the frame, and the weights of a Huffman code
 * end. Every sequence stands for at least three bytes, so time is bounded by the bytes read and by `sizeMax`.
 *
 * @param bytes Borrowed; `frame` lies in it.
 * @throws {FormatError} `FORMAT_INVALID`.
 * @throws {TargetTooSmall} As soon as there are more than `sizeMax` bytes.
 * @see RFC 8878 §3.1.1.2, §3.1.1.3
 */
export function zstdFrameSize(
  bytes: Uint8Array,
  frame: Pick<ZstdFrame, "blocksStart" | "blockMax">,
  sizeMax: number,
): number {
  const blocks = new CompressedBlocks(bytes, frame.blockMax);
  let size = 0;
  for (const block of zstdBlocks(bytes, frame)) {
    if (block.kind === "compressed") size += blocks.measure(block.start, block.end, size);
    else size += block.size;
    if (size > sizeMax) throw new TargetTooSmall();
  }
  return size;
}

/** What the compressed blocks of one frame take over from one another. */
class CompressedBlocks {
  readonly #bytes: Uint8Array;
  readonly #blockMax: number;
  #tables: SequenceTables | undefined;
  /** The three offsets used last, most recent first. */
  #repeated: [number, number, number] = [1, 4, 8];

  constructor(bytes: Uint8Array, blockMax: number) {
    this.#bytes = bytes;
    this.#blockMax = blockMax;
  }

  /** Plain size of the block that lies from `start` to `end`, with `before` bytes of plaintext before it. */
  measure(start: number, end: number, before: number): number {
    const { literalsSize, literalsEnd } = this.#readLiterals(start, end);
    let size = literalsSize;
    let used = 0;
    let position = before;
    this.#tables = decodeSequences(
      this.#bytes,
      { start: literalsEnd, end },
      this.#tables,
      (literalLength, matchLength, offsetValue) => {
        used += literalLength;
        size += matchLength;
        if (used > literalsSize || size > this.#blockMax) {
          throw invalid("a block makes more than it may");
        }
        position += literalLength;
        if (this.#offset(offsetValue, literalLength) > position) {
          throw invalid("a match before the frame");
        }
        position += matchLength;
      },
    );
    return size;
  }

  /** Values up to 3 name an offset used before, shifted by one after no literals (RFC 8878 §3.1.1.5). */
  #offset(value: number, literalLength: number): number {
    const [first, second, third] = this.#repeated;
    if (value > 3) {
      this.#repeated = [value - 3, first, second];
      return value - 3;
    }
    const which = value + (literalLength === 0 ? 1 : 0);
    if (which === 1) return first;
    if (which === 2) {
      this.#repeated = [second, first, third];
      return second;
    }
    const offset = which === 3 ? third : first - 1;
    if (offset === 0) throw invalid("a match with no distance");
    this.#repeated = [offset, first, second];
    return offset;
  }

  /** Reads the header of the literals section (RFC 8878 §3.1.1.3.1). */
  #readLiterals(start: number, end: number): { literalsSize: number; literalsEnd: number } {
    if (start >= end) throw invalid("an empty block");
    const head = this.#bytes[start] ?? 0;
    const type = head & 3;
    const format = (head >> 2) & 3;
    if (type >= 2) return this.#readCodedLiterals(start, end, type === 2);
    const headBytes = [1, 2, 1, 3][format] ?? 1;
    const size = Math.floor(this.#uint(start, headBytes) / (headBytes === 1 ? 8 : 16));
    const dataEnd = start + headBytes + (type === 1 ? 1 : size);
    return this.#checkedLiterals(size, dataEnd, end);
  }

  #readCodedLiterals(
    start: number,
    end: number,
    hasTable: boolean,
  ): { literalsSize: number; literalsEnd: number } {
    const format = ((this.#bytes[start] ?? 0) >> 2) & 3;
    const headBytes = [3, 3, 4, 5][format] ?? 3;
    const sizeRange = 2 ** ([10, 10, 14, 18][format] ?? 10);
    const numbers = Math.floor(this.#uint(start, headBytes) / 16);
    const size = numbers % sizeRange;
    if (format !== 0 && size < 6) throw invalid("four streams for less than six literals");
    const dataStart = start + headBytes;
    const dataEnd = dataStart + Math.floor(numbers / sizeRange);
    const literals = this.#checkedLiterals(size, dataEnd, end);
    if (hasTable) checkZstdWeights(this.#bytes, { start: dataStart, end: dataEnd });
    return literals;
  }

  #checkedLiterals(
    literalsSize: number,
    literalsEnd: number,
    end: number,
  ): { literalsSize: number; literalsEnd: number } {
    if (literalsSize > this.#blockMax || literalsEnd > end)
      throw invalid("the literals of a block");
    return { literalsSize, literalsEnd };
  }

  #uint(start: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.#bytes[start + i] ?? 0);
    return value;
  }
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "zstd data", detail);
}

import { FormatError } from "../format-error.ts";
import { TargetTooSmall } from "./zstd-bounds.ts";
import { decodeHuffman, type HuffmanTable, readHuffmanTable } from "./zstd-huffman.ts";
import { decodeSequences, type SequenceTables } from "./zstd-sequences.ts";

/**
 * Decodes the blocks of one zstd frame, one after another, into a target that keeps the whole frame.
 *
 * Time is proportional to the bytes read and written: every table is read from the block it is for, every sequence
 * makes at least three bytes, and a block that makes more than it may ends there.
 *
 * @see RFC 8878 §3.1.1.2, §3.1.1.3
 */
export class ZstdBlocks {
  readonly #bytes: Uint8Array;
  readonly #target: Uint8Array;
  readonly #frameStart: number;
  readonly #blockMax: number;
  readonly #literals: Uint8Array;
  #position: number;
  #huffman: HuffmanTable | undefined;
  #tables: SequenceTables | undefined;
  /** The three offsets used last, most recent first. */
  #repeated: [number, number, number] = [1, 4, 8];

  /**
   * Starts a frame.
   *
   * @param bytes Borrowed compressed data.
   * @param target Where the frame's plaintext goes, from `position` on.
   * @param blockMax Most plaintext of one block.
   */
  constructor(
    bytes: Uint8Array,
    target: Uint8Array,
    options: { position: number; blockMax: number },
  ) {
    this.#bytes = bytes;
    this.#target = target;
    this.#position = options.position;
    this.#frameStart = options.position;
    this.#blockMax = options.blockMax;
    this.#literals = new Uint8Array(options.blockMax);
  }

  /** Where in the target the next byte goes. */
  get position(): number {
    return this.#position;
  }

  /** Appends the bytes of a raw block. */
  raw(start: number, end: number): void {
    this.#reserve(end - start);
    this.#target.set(this.#bytes.subarray(start, end), this.#position);
    this.#position += end - start;
  }

  /** Appends one byte again and again. */
  repeat(byte: number, size: number): void {
    this.#reserve(size);
    this.#target.fill(byte, this.#position, this.#position + size);
    this.#position += size;
  }

  /**
   * Decodes a compressed block.
   *
   * @throws {FormatError} `FORMAT_INVALID`.
   */
  compressed(start: number, end: number): void {
    const blockStart = this.#position;
    const { literals, end: literalsEnd } = this.#readLiterals(start, end);
    let used = 0;
    this.#tables = decodeSequences(
      this.#bytes,
      { start: literalsEnd, end },
      this.#tables,
      (literalLength, matchLength, offsetValue) => {
        const size = this.#position - blockStart + literalLength + matchLength;
        if (used + literalLength > literals.length || size > this.#blockMax) {
          throw invalid("a block makes more than it may");
        }
        this.#append(literals, used, literalLength);
        used += literalLength;
        this.#copyMatch(this.#offset(offsetValue, literalLength), matchLength);
      },
    );
    const rest = literals.length - used;
    if (this.#position - blockStart + rest > this.#blockMax) {
      throw invalid("a block makes more than it may");
    }
    this.#append(literals, used, rest);
  }

  #append(from: Uint8Array, start: number, size: number): void {
    this.#reserve(size);
    this.#target.set(from.subarray(start, start + size), this.#position);
    this.#position += size;
  }

  #copyMatch(offset: number, size: number): void {
    if (offset > this.#position - this.#frameStart) throw invalid("a match before the frame");
    this.#reserve(size);
    const target = this.#target;
    const position = this.#position;
    if (offset >= size) target.copyWithin(position, position - offset, position - offset + size);
    else if (offset === 1) target.fill(target[position - 1] ?? 0, position, position + size);
    else for (let i = position; i < position + size; i++) target[i] = target[i - offset] ?? 0;
    this.#position = position + size;
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

  /** Reads the literals section (RFC 8878 §3.1.1.3.1); the result is borrowed until the next block. */
  #readLiterals(start: number, end: number): { literals: Uint8Array; end: number } {
    if (start >= end) throw invalid("an empty block");
    const head = this.#bytes[start] ?? 0;
    const type = head & 3;
    const format = (head >> 2) & 3;
    if (type >= 2) return this.#readCodedLiterals(start, end, type === 2);
    const headBytes = [1, 2, 1, 3][format] ?? 1;
    const size = Math.floor(this.#uint(start, headBytes) / (headBytes === 1 ? 8 : 16));
    const dataStart = start + headBytes;
    const dataEnd = dataStart + (type === 1 ? 1 : size);
    this.#checkLiterals(size, dataEnd, end);
    if (type === 0) return { literals: this.#bytes.subarray(dataStart, dataEnd), end: dataEnd };
    const literals = this.#literals.subarray(0, size).fill(this.#bytes[dataStart] ?? 0);
    return { literals, end: dataEnd };
  }

  #readCodedLiterals(
    start: number,
    end: number,
    hasTable: boolean,
  ): { literals: Uint8Array; end: number } {
    const format = ((this.#bytes[start] ?? 0) >> 2) & 3;
    const headBytes = [3, 3, 4, 5][format] ?? 3;
    const sizeRange = 2 ** ([10, 10, 14, 18][format] ?? 10);
    const numbers = Math.floor(this.#uint(start, headBytes) / 16);
    const size = numbers % sizeRange;
    let at = start + headBytes;
    const dataEnd = at + Math.floor(numbers / sizeRange);
    this.#checkLiterals(size, dataEnd, end);
    if (hasTable) {
      const described = readHuffmanTable(this.#bytes, { start: at, end: dataEnd });
      this.#huffman = described.table;
      at = described.end;
    }
    if (!this.#huffman) throw invalid("no code to use again");
    const literals = this.#literals.subarray(0, size);
    if (format === 0)
      decodeHuffman(this.#bytes, { start: at, end: dataEnd }, this.#huffman, literals);
    else this.#decodeFourStreams(at, dataEnd, this.#huffman, literals);
    return { literals, end: dataEnd };
  }

  #decodeFourStreams(start: number, end: number, table: HuffmanTable, target: Uint8Array): void {
    const quarter = (target.length + 3) >> 2;
    let at = start + 6;
    if (at > end || 3 * quarter > target.length) throw invalid("the four streams of a block");
    for (let i = 0; i < 4; i++) {
      const streamEnd = i === 3 ? end : at + this.#uint(start + 2 * i, 2);
      if (streamEnd > end) throw invalid("a stream of a block is cut off");
      const piece = target.subarray(i * quarter, i === 3 ? target.length : (i + 1) * quarter);
      decodeHuffman(this.#bytes, { start: at, end: streamEnd }, table, piece);
      at = streamEnd;
    }
  }

  #checkLiterals(size: number, dataEnd: number, end: number): void {
    if (size > this.#blockMax || dataEnd > end) throw invalid("the literals of a block");
  }

  #reserve(size: number): void {
    if (this.#position + size > this.#target.length) throw new TargetTooSmall();
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

import { FormatError } from "../format-error.ts";
import { ZstdBits } from "./zstd-bits.ts";
import { readFseTable } from "./zstd-fse.ts";

/** Decoding table of a Huffman code: by the next `log` bits, the symbol and how many of them it takes. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

/** A stretch of borrowed bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const CODE_BITS_MAX = 11;
const WEIGHTS_MAX = 255;
const WEIGHT_BOUNDS = { logMax: 6, symbolMax: 12 };

/**
 * Reads the description of a Huffman code: weights of all symbols but the last, whose weight follows from the others.
 *
 * @returns The table, and where its description ends.
 * @throws {FormatError} `FORMAT_INVALID`.
 * @see RFC 8878 §4.2.1
 */
export function readHuffmanTable(
  bytes: Uint8Array,
  { start, end }: ByteRange,
): { readonly table: HuffmanTable; readonly end: number } {
  if (start >= end) throw invalid("the description of a code is cut off");
  const head = bytes[start] ?? 0;
  const body = start + 1;
  const bodyEnd = body + (head >= 128 ? (head - 126) >> 1 : head);
  if (bodyEnd > end) throw invalid("the description of a code is cut off");
  const weights =
    head >= 128 ? plainWeights(bytes, body, head - 127) : codedWeights(bytes, body, bodyEnd);
  return { table: tableOfWeights(weights), end: bodyEnd };
}

/** Decodes one stream of symbols so that it fills `target` exactly. */
export function decodeHuffman(
  bytes: Uint8Array,
  { start, end }: ByteRange,
  { log, symbols, bits }: HuffmanTable,
  target: Uint8Array,
): void {
  const stream = new ZstdBits(bytes, start, end);
  for (let i = 0; i < target.length; i++) {
    const code = stream.peek(log);
    target[i] = symbols[code] ?? 0;
    stream.skip(bits[code] ?? 0);
  }
  if (stream.left !== 0) throw invalid("a stream of symbols has another length");
}

function plainWeights(bytes: Uint8Array, start: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const pair = bytes[start + (i >> 1)] ?? 0;
    return i % 2 === 0 ? pair >> 4 : pair & 15;
  });
}

/** Two states take turns until the bits run out; then each gives one more symbol. */
function codedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const { table, end: tableEnd } = readFseTable(bytes, { ...WEIGHT_BOUNDS, start, end });
  const stream = new ZstdBits(bytes, tableEnd, end);
  const weights: number[] = [];
  let state = stream.read(table.log);
  let other = stream.read(table.log);
  if (stream.left < 0) throw invalid("the weights of a code are cut off");
  while (stream.left >= 0) {
    if (weights.length >= WEIGHTS_MAX) throw invalid("a code has too many symbols");
    weights.push(table.symbols[state] ?? 0);
    const next = (table.bases[state] ?? 0) + stream.read(table.bits[state] ?? 0);
    state = other;
    other = next;
  }
  weights.push(table.symbols[state] ?? 0);
  return weights;
}

function tableOfWeights(weights: number[]): HuffmanTable {
  if (weights.length > WEIGHTS_MAX) throw invalid("a code has too many symbols");
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  const log = sum > 0 ? 32 - Math.clz32(sum) : 0;
  if (log < 1 || log > CODE_BITS_MAX) throw invalid("a code is too long");
  const left = (1 << log) - sum;
  if ((left & (left - 1)) !== 0) throw invalid("the weights of a code do not fit");
  const complete = [...weights, 32 - Math.clz32(left)];
  const symbols = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let at = 0;
  for (let weight = 1; weight <= log; weight++) {
    for (const [symbol, own] of complete.entries()) {
      if (own !== weight) continue;
      const size = 1 << (weight - 1);
      symbols.fill(symbol, at, at + size);
      bits.fill(log + 1 - weight, at, at + size);
      at += size;
    }
  }
  return { log, symbols, bits };
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "zstd data", detail);
}

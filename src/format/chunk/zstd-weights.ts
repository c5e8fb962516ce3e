import { FormatError } from "../format-error.ts";
import { ZstdBits } from "./zstd-bits.ts";
import { readFseTable } from "./zstd-fse.ts";

const CODE_BITS_MAX = 11;
const WEIGHTS_MAX = 255;
const WEIGHT_BOUNDS = { logMax: 6, symbolMax: 12 };

/**
 * Checks the description of a Huffman code: that its weights come to an end, and that no code is longer than 11 bits.
 *
 * They may not end because an entropy table can have a single symbol, which costs no bits. Whether the
 * weights make a code is left to the decoder.
 *
 * @param bytes Borrowed; the description starts at `start` and ends before `end`.
 * @throws {FormatError} `FORMAT_INVALID`.
 * @see RFC 8878 §4.2.1
 */
export function checkZstdWeights(
  bytes: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): void {
  const head = bytes[start] ?? 0;
  const body = start + 1;
  const bodyEnd = body + (head >= 128 ? (head - 126) >> 1 : head);
  if (bodyEnd > end) throw invalid("the description of a code is cut off");
  const weights =
    head >= 128 ? plainWeights(bytes, body, head - 127) : codedWeights(bytes, body, bodyEnd);
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (sum >= 1 << CODE_BITS_MAX) throw invalid("a code is too long");
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

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "zstd data", detail);
}

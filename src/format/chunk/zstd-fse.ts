import { FormatError } from "../format-error.ts";

/**
 * Decoding table of zstd's "finite state entropy": a state stands for a symbol, and for how to get to the next state,
 * `base + read(bits)`.
 */
export interface FseTable {
  /** Bits of the first state. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** What a described table may be at most. */
export interface FseBounds {
  readonly logMax: number;
  readonly symbolMax: number;
}

/** A table and where its description ends. */
export interface DescribedFse {
  readonly table: FseTable;
  readonly end: number;
}

/** Probability of a symbol that is rarer than one state of the table: it gets one at the table's end. */
const RARE = -1;

/**
 * Reads the description of a table: the probability of each symbol in states, in as few bits as what is left allows.
 *
 * @param bytes Borrowed; the description starts at `start` and ends before `end`.
 * @throws {FormatError} `FORMAT_INVALID`.
 * @see RFC 8878 §4.1.1
 */
export function readFseTable(
  bytes: Uint8Array,
  { start, end, logMax, symbolMax }: FseBounds & { readonly start: number; readonly end: number },
): DescribedFse {
  let at = start * 8; // In bits; this stream is read forwards.
  const take = (count: number): number => {
    const value = forwardBits(bytes, at) & ((1 << count) - 1);
    at += count;
    if (at > end * 8) throw invalid("the description of a table is cut off");
    return value;
  };
  const log = take(4) + 5;
  if (log > logMax) throw invalid("a table is too large");
  const counts: number[] = [];
  for (let left = 1 << log; left > 0;) {
    // Of the values 0 to left + 1, the lowest ones have a bit less than the others.
    const bits = 31 - Math.clz32(left + 1);
    const shortValues = (2 << bits) - 2 - left;
    let value = take(bits);
    if (value >= shortValues && take(1) === 1) value += (1 << bits) - shortValues;
    const count = value - 1;
    counts.push(count);
    left -= count === RARE ? 1 : count;
    if (count === 0) {
      for (let zeros = 3; zeros === 3;) {
        zeros = take(2);
        for (let i = 0; i < zeros; i++) counts.push(0);
      }
    }
    if (counts.length > symbolMax + 1) throw invalid("a table has too many symbols");
  }
  return { table: buildFseTable(counts, log), end: Math.ceil(at / 8) };
}

/**
 * Makes the table of given probabilities, which have to sum up to its size.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 * @see RFC 8878 §4.1.1 ("from normalized distribution to decoding tables")
 */
export function buildFseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(counts.length);
  let high = size - 1;
  for (const [symbol, count] of counts.entries()) {
    next[symbol] = count === RARE ? 1 : count;
    if (count === RARE) symbols[high--] = symbol;
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }
  if (at !== 0) throw invalid("the probabilities of a table do not fit");
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const nth = next[symbol] ?? 0;
    next[symbol] = nth + 1;
    const count = log - (31 - Math.clz32(nth));
    bits[state] = count;
    bases[state] = (nth << count) - size;
  }
  return { log, symbols, bits, bases };
}

/** The table of a single symbol, which costs no bits. */
export function singleFseTable(symbol: number): FseTable {
  return {
    log: 0,
    symbols: Uint8Array.of(symbol),
    bits: new Uint8Array(1),
    bases: new Uint16Array(1),
  };
}

function forwardBits(bytes: Uint8Array, at: number): number {
  const i = at >>> 3;
  const three = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16);
  return three >>> (at & 7);
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "zstd data", detail);
}

import { FormatError } from "../format-error.ts";
import { ZstdBits } from "./zstd-bits.ts";
import {
  buildFseTable,
  type FseBounds,
  type FseTable,
  readFseTable,
  singleFseTable,
} from "./zstd-fse.ts";

/** The tables that a block may take over from the one before. */
export interface SequenceTables {
  readonly literalLengths: FseTable;
  readonly offsets: FseTable;
  readonly matchLengths: FseTable;
}

/** Takes one step of a block: so many literals, then so many bytes from what is there already. */
export type VisitSequence = (
  literalLength: number,
  matchLength: number,
  offsetValue: number,
) => void;

/** One of the three alphabets: its bounds, and its probabilities where a block describes none. */
interface Alphabet extends FseBounds {
  readonly predefinedLog: number;
  readonly predefined: readonly number[];
}

// The distributions of RFC 8878 §3.1.1.3.2.2, run-length coded: [count of symbols, states of each].
const literalLengthAlphabet: Alphabet = {
  logMax: 9,
  symbolMax: 35,
  predefinedLog: 6,
  predefined: runs([1, 4], [1, 3], [11, 2], [3, 1], [9, 2], [1, 3], [1, 2], [5, 1], [4, -1]),
};
const matchLengthAlphabet: Alphabet = {
  logMax: 9,
  symbolMax: 52,
  predefinedLog: 6,
  predefined: runs([1, 1], [1, 4], [1, 3], [6, 2], [37, 1], [7, -1]),
};
const offsetAlphabet: Alphabet = {
  logMax: 8,
  symbolMax: 31,
  predefinedLog: 5,
  predefined: runs([6, 1], [3, 2], [15, 1], [5, -1]),
};

// Extra bits of each code (RFC 8878 §3.1.1.3.2.1.1); a code's base is where the one before it ends.
const literalLengthBits = runs([16, 0], [4, 1], [2, 2], [2, 3], [1, 4]).concat([
  6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);
const matchLengthBits = runs([32, 0], [4, 1], [2, 2], [2, 3], [2, 4], [1, 5]).concat([
  7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);
const literalLengthBases = basesOf(literalLengthBits, 0);
const matchLengthBases = basesOf(matchLengthBits, 3);

/**
 * Decodes the sequences section of a block step by step.
 *
 * @param before Tables of the block before, if there was one with sequences.
 * @returns The tables for the next block.
 * @throws {FormatError} `FORMAT_INVALID`, and what `visit` throws.
 * @see RFC 8878 §3.1.1.3.2
 */
export function decodeSequences(
  bytes: Uint8Array,
  range: { readonly start: number; readonly end: number },
  before: SequenceTables | undefined,
  visit: VisitSequence,
): SequenceTables | undefined {
  const { count, end: countEnd } = readCount(bytes, range.start);
  if (countEnd > range.end) throw invalid("a block is cut off");
  if (count === 0) {
    if (countEnd !== range.end) throw invalid("bytes behind a block without sequences");
    return before;
  }
  const modes = bytes[countEnd] ?? 0;
  if (countEnd >= range.end || (modes & 3) !== 0) throw invalid("the modes of the sequences");
  const cursor = { at: countEnd + 1, end: range.end };
  const tables: SequenceTables = {
    literalLengths: readTable(
      bytes,
      cursor,
      modes >> 6,
      literalLengthAlphabet,
      before?.literalLengths,
    ),
    offsets: readTable(bytes, cursor, (modes >> 4) & 3, offsetAlphabet, before?.offsets),
    matchLengths: readTable(
      bytes,
      cursor,
      (modes >> 2) & 3,
      matchLengthAlphabet,
      before?.matchLengths,
    ),
  };
  run(new ZstdBits(bytes, cursor.at, cursor.end), count, tables, visit);
  return tables;
}

function run(
  stream: ZstdBits,
  count: number,
  { literalLengths, offsets, matchLengths }: SequenceTables,
  visit: VisitSequence,
): void {
  let literalState = stream.read(literalLengths.log);
  let offsetState = stream.read(offsets.log);
  let matchState = stream.read(matchLengths.log);
  for (let i = 0; i < count; i++) {
    const offsetCode = offsets.symbols[offsetState] ?? 0;
    const matchCode = matchLengths.symbols[matchState] ?? 0;
    const literalCode = literalLengths.symbols[literalState] ?? 0;
    const offsetValue = 2 ** offsetCode + stream.read(offsetCode);
    const matchLength =
      (matchLengthBases[matchCode] ?? 0) + stream.read(matchLengthBits[matchCode] ?? 0);
    const literalLength =
      (literalLengthBases[literalCode] ?? 0) + stream.read(literalLengthBits[literalCode] ?? 0);
    if (stream.left < 0) throw invalid("the sequences are cut off");
    visit(literalLength, matchLength, offsetValue);
    if (i === count - 1) break;
    literalState = nextState(literalLengths, literalState, stream);
    matchState = nextState(matchLengths, matchState, stream);
    offsetState = nextState(offsets, offsetState, stream);
  }
  if (stream.left !== 0) throw invalid("the sequences have another length");
}

function nextState({ bases, bits }: FseTable, state: number, stream: ZstdBits): number {
  return (bases[state] ?? 0) + stream.read(bits[state] ?? 0);
}

function readCount(bytes: Uint8Array, start: number): { count: number; end: number } {
  const [first = 0, second = 0, third = 0] = bytes.subarray(start, start + 3);
  if (first < 128) return { count: first, end: start + 1 };
  if (first < 255) return { count: ((first - 128) << 8) + second, end: start + 2 };
  return { count: second + (third << 8) + 0x7f00, end: start + 3 };
}

function readTable(
  bytes: Uint8Array,
  cursor: { at: number; readonly end: number },
  mode: number,
  alphabet: Alphabet,
  before: FseTable | undefined,
): FseTable {
  switch (mode) {
    case 0:
      return buildFseTable(alphabet.predefined, alphabet.predefinedLog);
    case 1: {
      const symbol = bytes[cursor.at] ?? 0;
      if (cursor.at >= cursor.end || symbol > alphabet.symbolMax) throw invalid("a single code");
      cursor.at += 1;
      return singleFseTable(symbol);
    }
    case 2: {
      const { table, end } = readFseTable(bytes, {
        logMax: alphabet.logMax,
        symbolMax: alphabet.symbolMax,
        start: cursor.at,
        end: cursor.end,
      });
      cursor.at = end;
      return table;
    }
    default:
      if (!before) throw invalid("no table to use again");
      return before;
  }
}

function runs(...pairs: readonly (readonly [count: number, value: number])[]): number[] {
  return pairs.flatMap(([count, value]) => Array.from({ length: count }, () => value));
}

function basesOf(bits: readonly number[], first: number): number[] {
  let base = first;
  return bits.map((count) => {
    const own = base;
    base += 2 ** count;
    return own;
  });
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", "zstd data", detail);
}

import { Http2Error } from "./http2-error.ts";

/**
 * Bits of the code of each byte, 32 a row (RFC 7541 appendix B). The code is canonical: shorter codes come first, those of one length in the order of
 * their bytes, so nothing else need be known.
 */
const codeBits: readonly number[] = `
  13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
  6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
  13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
  15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
  20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
  22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
  26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
  20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26`
  .trim()
  .split(/\s+/)
  .map(Number);

/** Longest code of a byte. Longer ones, of ones only, are the end mark, of which a prefix fills the last byte. */
const CODE_BITS_MAX = 30;

/** Padding is shorter than this (RFC 7541 §5.2). */
const PADDING_BITS_MAX = 7;

interface CodesOfOneLength {
  /** The first code, as a number. */
  readonly first: number;
  /** Bytes whose codes follow one another from there. */
  readonly bytes: readonly number[];
}

/** By length in bits. */
const codes: readonly CodesOfOneLength[] = canonicalCodes();

function canonicalCodes(): readonly CodesOfOneLength[] {
  const result: CodesOfOneLength[] = [];
  let next = 0;
  for (let bits = 0; bits <= CODE_BITS_MAX; bits++) {
    next *= 2;
    const bytes = [...codeBits.keys()].filter((byte) => codeBits[byte] === bits);
    result.push({ first: next, bytes });
    next += bytes.length;
  }
  return result;
}

/**
 * Decodes a compressed text of a header (RFC 7541 §5.2), as Latin-1.
 *
 * @throws {Http2Error} `COMPRESSION_ERROR`.
 */
export function decodeHuffman(compressed: Uint8Array): string {
  let text = "";
  let code = 0;
  let bits = 0;
  for (const byte of compressed) {
    for (let shift = 7; shift >= 0; shift--) {
      code = code * 2 + ((byte >> shift) & 1);
      bits += 1;
      const { first, bytes } = codes[bits] ?? { first: 0, bytes: [] };
      const found = bytes[code - first];
      if (found !== undefined) {
        text += String.fromCharCode(found);
        code = 0;
        bits = 0;
      } else if (bits >= CODE_BITS_MAX) {
        throw new Http2Error("COMPRESSION_ERROR", "a text with an end mark inside");
      }
    }
  }
  if (bits > PADDING_BITS_MAX || code !== 2 ** bits - 1) {
    throw new Http2Error("COMPRESSION_ERROR", "a text that ends in the middle of a byte's code");
  }
  return text;
}

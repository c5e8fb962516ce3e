/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012) with 64-bit words held as pairs of 32-bit halves: every name in an archive
 * is hashed, and `bigint` arithmetic would cost some fifty times as much.
 */

/** Key of the name hash, as four 32-bit words from low to high (spec pxar.md §5.1). */
const K0_LOW = 0xfbb450db;
const K0_HIGH = 0x83ac3f1c;
const K1_LOW = 0x79369fbd | 0;
const K1_HIGH = 0xaa4f1b68;

// The initial state: key xor "somepseudorandomlygeneratedbytes".
const INIT_V0_LOW = (K0_LOW ^ 0x70736575) | 0;
const INIT_V0_HIGH = (K0_HIGH ^ 0x736f6d65) | 0;
const INIT_V1_LOW = (K1_LOW ^ 0x6e646f6d) | 0;
const INIT_V1_HIGH = (K1_HIGH ^ 0x646f7261) | 0;
const INIT_V2_LOW = (K0_LOW ^ 0x6e657261) | 0;
const INIT_V2_HIGH = (K0_HIGH ^ 0x6c796765) | 0;
const INIT_V3_LOW = (K1_LOW ^ 0x79746573) | 0;
const INIT_V3_HIGH = (K1_HIGH ^ 0x74656462) | 0;

/**
 * Hashes an entry name for a goodbye table: SipHash-2-4 under the archive format's fixed key (spec pxar.md §5.1).
 *
 * @param name Borrowed; without NUL.
 * @param into Receives the low half at index 0 and the high half at index 1, both unsigned.
 */
export function filenameHash(name: Uint8Array, into: Uint32Array): void {
  let v0l = INIT_V0_LOW;
  let v0h = INIT_V0_HIGH;
  let v1l = INIT_V1_LOW;
  let v1h = INIT_V1_HIGH;
  let v2l = INIT_V2_LOW;
  let v2h = INIT_V2_HIGH;
  let v3l = INIT_V3_LOW;
  let v3h = INIT_V3_HIGH;

  const size = name.length;
  const wholeEnd = size - (size % 8);
  // Words of the name, then one more with the rest and the length, then the finalization of four rounds.
  for (let at = 0; at <= wholeEnd + 8; at += 8) {
    let ml = 0;
    let mh = 0;
    let rounds = 2;
    if (at < wholeEnd) {
      ml =
        (name[at] ?? 0) |
        ((name[at + 1] ?? 0) << 8) |
        ((name[at + 2] ?? 0) << 16) |
        ((name[at + 3] ?? 0) << 24);
      mh =
        (name[at + 4] ?? 0) |
        ((name[at + 5] ?? 0) << 8) |
        ((name[at + 6] ?? 0) << 16) |
        ((name[at + 7] ?? 0) << 24);
    } else if (at === wholeEnd) {
      mh = (size & 0xff) << 24;
      for (let i = wholeEnd; i < size; i++) {
        const shift = i - wholeEnd;
        if (shift < 4) ml |= (name[i] ?? 0) << (8 * shift);
        else mh |= (name[i] ?? 0) << (8 * (shift - 4));
      }
    } else {
      v2l ^= 0xff;
      rounds = 4;
    }
    v3l ^= ml;
    v3h ^= mh;
    for (; rounds > 0; rounds--) {
      // v0 += v1; v1 = rotl(v1, 13) ^ v0; v0 = rotl(v0, 32)
      let low = (v0l >>> 0) + (v1l >>> 0);
      let high = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      let l = ((v1l << 13) | (v1h >>> 19)) ^ low;
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ high;
      v1l = l;
      v0l = high;
      v0h = low | 0;
      // v2 += v3; v3 = rotl(v3, 16) ^ v2
      low = (v2l >>> 0) + (v3l >>> 0);
      high = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v2l = low | 0;
      v2h = high;
      l = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = l;
      // v0 += v3; v3 = rotl(v3, 21) ^ v0
      low = (v0l >>> 0) + (v3l >>> 0);
      high = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v0l = low | 0;
      v0h = high;
      l = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = l;
      // v2 += v1; v1 = rotl(v1, 17) ^ v2; v2 = rotl(v2, 32)
      low = (v2l >>> 0) + (v1l >>> 0);
      high = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      l = ((v1l << 17) | (v1h >>> 15)) ^ low;
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ high;
      v1l = l;
      v2l = high;
      v2h = low | 0;
    }
    v0l ^= ml;
    v0h ^= mh;
  }
  into[0] = v0l ^ v1l ^ v2l ^ v3l;
  into[1] = v0h ^ v1h ^ v2h ^ v3h;
}

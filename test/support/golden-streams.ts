// The generated inputs of the golden vectors (fixtures/README.md), each pinned by its digest where it is used.

/** `prng(seed)`: xorshift64*, 8 little-endian bytes per step; 64-bit values as two halves, because BigInt is too slow. */
export function prng(seed: number): () => readonly [low: number, high: number] {
  let low = seed >>> 0;
  let high = 0;
  return () => {
    // x ^= x >> 12; x ^= x << 25; x ^= x >> 27
    low ^= (low >>> 12) | (high << 20);
    high ^= high >>> 12;
    high ^= (high << 25) | (low >>> 7);
    low ^= low << 25;
    low ^= (low >>> 27) | (high << 5);
    high ^= high >>> 27;
    return multiply(low, high);
  };
}

/** `size` bytes of `prng(seed)`. */
export function prngBytes(seed: number, size: number): Uint8Array {
  const next = prng(seed);
  const words = new Uint32Array(Math.ceil(size / 8) * 2);
  for (let i = 0; i < words.length; i += 2) {
    const [low, high] = next();
    words[i] = low;
    words[i + 1] = high;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Lines of 56 bytes about a fox, cut to `size` bytes. */
export function foxBytes(size: number): Uint8Array {
  const line = "The quick brown fox jumps over the lazy dog. 0123456789\n";
  return new Uint8Array(Buffer.alloc(size, line));
}

/** Byte i is `a` plus the top four bits of the i-th output of `prng(7)`. */
export function lowEntropyBytes(size: number): Uint8Array {
  const next = prng(7);
  return new Uint8Array(size).map(() => 97 + (next()[1] >>> 28));
}

/** `xorshift32_64MiB` of the chunker vectors, or its first `size` bytes. */
export function xorshift32Bytes(size: number): Uint8Array {
  let x = 0x12345678;
  const words = new Uint32Array(size / 4).map(() => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x;
  });
  return new Uint8Array(words.buffer);
}

/** 32-bit little-endian numbers 0, 1, 2, … */
export function counterBytes(size: number): Uint8Array {
  return new Uint8Array(new Uint32Array(size / 4).map((_, i) => i).buffer);
}

/** Times 0x2545F4914F6CDD1D, modulo 2^64. */
function multiply(low: number, high: number): readonly [number, number] {
  const l0 = low & 0xffff;
  const l1 = low >>> 16;
  const c0 = 0xdd1d;
  const c1 = 0x4f6c;
  const middle = ((l0 * c0) >>> 16) + ((l1 * c0) & 0xffff) + ((l0 * c1) & 0xffff);
  const carry = (middle >>> 16) + ((l1 * c0) >>> 16) + ((l0 * c1) >>> 16) + l1 * c1;
  const top = carry + Math.imul(low, 0x2545f491) + Math.imul(high, 0x4f6cdd1d);
  return [Math.imul(low, 0x4f6cdd1d) >>> 0, top >>> 0];
}

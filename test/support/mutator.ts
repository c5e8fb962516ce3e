/** Numbers that break bounds: ends of ranges, sign bits, off-by-ones. */
const oddNumbers = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  0x1fffffffffffffn,
  0x20000000000000n,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

/** Small fast generator of numbers (xorshift32), so that a fuzz run can be repeated from its seed. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** A number from 0 to `limit` − 1. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  /** One of several. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** Damages bytes in one to four places: flips, odd numbers, cuts, insertions, pieces of another sample. */
export function mutated(chance: Chance, samples: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = chance.pick(samples).slice();
  for (let times = 1 + chance.below(4); times > 0; times--) {
    bytes = mutatedOnce(chance, bytes, chance.pick(samples));
  }
  return bytes;
}

function mutatedOnce(chance: Chance, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = chance.below(bytes.length + 1);
  switch (chance.below(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << chance.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = chance.below(256);
      return bytes;
    case 2: {
      const size = chance.pick([1, 2, 4, 8]);
      if (at + size > bytes.length) return bytes;
      const number = BigInt.asUintN(8 * size, chance.pick(oddNumbers));
      for (let i = 0; i < size; i++) bytes[at + i] = Number((number >> BigInt(8 * i)) & 0xffn);
      return bytes;
    }
    case 3:
      return bytes.slice(0, at);
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + chance.below(50)));
    case 5: {
      const from = chance.below(other.length + 1);
      const piece = other.subarray(from, from + chance.below(200));
      return joined(bytes.subarray(0, at), piece, bytes.subarray(at));
    }
    default: {
      const from = chance.below(other.length + 1);
      bytes.set(other.subarray(from, from + Math.min(64, bytes.length - at)), at);
      return bytes;
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

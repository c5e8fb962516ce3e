/**
 * The generator of the golden vectors (fixtures/README.md): xorshift64*, eight little-endian bytes a step.
 *
 * First bytes for seed 1: 1ddd6c894bcee4471d6579e0a8a6cfab.
 */
export function prng(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(size / 8) * 8);
  const view = new DataView(bytes.buffer);
  let x = BigInt(seed);
  for (let offset = 0; offset < bytes.length; offset += 8) {
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    view.setBigUint64(offset, BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn), true);
  }
  return bytes.subarray(0, size);
}

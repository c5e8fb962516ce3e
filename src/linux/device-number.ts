/**
 * Linux's 64-bit `dev_t` of a major and a minor number (spec pxar.md §3.5, the other way round).
 *
 * `stat` needs no inverse here: `statx` gives the two numbers as they are.
 */
export function deviceNumber(major: number, minor: number): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return (
    (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n)
  );
}

/**
 * Compares keys, signatures and other secrets in a time that depends on their lengths alone.
 *
 * A loop of ours and not `timingSafeEqual`, which is Node's alone: formats also run in a browser.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

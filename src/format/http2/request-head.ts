/**
 * Encodes the header block of a request, each header spelled out and kept in no table (RFC 7541 §6.2.2).
 *
 * @param headers Names in lower case, pseudo-headers first.
 */
export function encodeRequestHead(headers: Readonly<Record<string, string>>): Uint8Array {
  const bytes: number[] = [];
  for (const header of Object.entries(headers)) {
    bytes.push(0);
    for (const text of header) {
      const encoded = new TextEncoder().encode(text);
      pushNumber(bytes, encoded.length, 7);
      for (const byte of encoded) bytes.push(byte);
    }
  }
  return Uint8Array.from(bytes);
}

/** A number whose first byte has room for so many bits of it (RFC 7541 §5.1). */
function pushNumber(bytes: number[], value: number, prefixBits: number): void {
  const most = 2 ** prefixBits - 1;
  if (value < most) {
    bytes.push(value);
    return;
  }
  bytes.push(most);
  let rest = value - most;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
}

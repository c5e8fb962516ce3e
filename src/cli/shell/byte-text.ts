/** Where bytes that are no UTF-8 go in a text: a half of a character that no valid text has. */
const STRAY_BASE = 0xdc00;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as a text that {@link bytesOfText} turns into the same bytes, whatever they are. */
export function textOfBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) =>
      String.fromCharCode(byte < 0x80 ? byte : STRAY_BASE + byte),
    ).join("");
  }
}

/** The bytes of a text: UTF-8, but for what {@link strayByte} has made. */
export function bytesOfText(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return new TextEncoder().encode(text);
  const parts = Array.from(text, (char) => {
    const code = char.charCodeAt(0);
    const isStray = char.length === 1 && code >= STRAY_BASE + 0x80 && code <= STRAY_BASE + 0xff;
    return isStray ? Uint8Array.of(code - STRAY_BASE) : new TextEncoder().encode(char);
  });
  return Buffer.concat(parts);
}

/** A byte as a part of a text; from 0x80 on it is no character by itself. */
export function strayByte(byte: number): string {
  return String.fromCharCode(byte < 0x80 ? byte : STRAY_BASE + byte);
}

import { FormatError } from "../format-error.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE_OF = new Map(Array.from(ALPHABET, (char, value) => [char, value]));

/** Renders bytes in the standard alphabet with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const bits = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = Math.min(4, bytes.length - i + 1);
    for (let digit = 0; digit < digits; digit++) {
      text += ALPHABET.charAt((bits >>> (18 - 6 * digit)) & 63);
    }
    text += "=".repeat(4 - digits);
  }
  return text;
}

/**
 * Parses the standard alphabet with padding; the one text that {@link toBase64} gives for its bytes.
 *
 * @param what Name of the thing for messages, which do not show the text: it may be secret.
 * @returns Owned bytes.
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function fromBase64(text: string, what: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, "");
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  for (let i = 0; i < digits.length; i++) {
    const value = VALUE_OF.get(digits.charAt(i)) ?? 0;
    const bit = 6 * i;
    const at = bit >>> 3;
    const wide = value << (10 - (bit & 7));
    bytes[at] = (bytes[at] ?? 0) | (wide >>> 8);
    if (at + 1 < bytes.length) bytes[at + 1] = wide & 0xff;
  }
  if (toBase64(bytes) !== text) {
    throw new FormatError("FORMAT_INVALID", what, "it is not base64 in its standard form");
  }
  return bytes;
}

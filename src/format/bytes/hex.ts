import { FormatError } from "../format-error.ts";

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Renders bytes as lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX_OF_BYTE[bytes[i] ?? 0] ?? "";
  return text;
}

/**
 * Parses hexadecimal digits of either case.
 *
 * @returns Owned bytes.
 * @throws {FormatError} `FORMAT_INVALID` for an odd length or any other character.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new FormatError("FORMAT_INVALID", "hexadecimal text", `"${text.slice(0, 80)}"`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

import { fromHex, toHex } from "../bytes/hex.ts";
import { FormatError } from "../format-error.ts";

/** Fingerprint of a key or certificate: 32 pairs of lower-case hexadecimal digits joined by colons. */
export type Fingerprint = string & { readonly __brand: "Fingerprint" };

const PATTERN = /^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){31}$/;
const SHORT_PAIRS = 8;

/**
 * Parses 32 pairs of hexadecimal digits of either case, with or without all the colons (spec keyfile.md §1).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseFingerprint(text: string): Fingerprint {
  if (!PATTERN.test(text) && !/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new FormatError("FORMAT_INVALID", "fingerprint", `"${text.slice(0, 100)}"`);
  }
  return fingerprintOfBytes(fromHex(text.replaceAll(":", "")));
}

/** Makes a fingerprint of its 32 bytes. */
export function fingerprintOfBytes(bytes: Uint8Array): Fingerprint {
  if (bytes.length !== 32) throw new RangeError(`a fingerprint of ${bytes.length} bytes`);
  const pairs = toHex(bytes).match(/../g) ?? [];
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, from 32 bytes
  return pairs.join(":") as Fingerprint;
}

/** The 32 bytes of a fingerprint, owned. */
export function fingerprintBytes(fingerprint: Fingerprint): Uint8Array {
  return fromHex(fingerprint.replaceAll(":", ""));
}

/** The first eight bytes, as logs and messages show it (spec keyfile.md §1). */
export function shortFingerprint(fingerprint: Fingerprint): string {
  return fingerprint.slice(0, 3 * SHORT_PAIRS - 1);
}

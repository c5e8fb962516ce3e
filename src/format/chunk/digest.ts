import { toHex } from "../bytes/hex.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { type CryptKey } from "../crypto/crypt-key.ts";
import { FormatError } from "../format-error.ts";

/** Name of a chunk: SHA-256 of its plaintext (and key id, if any), as 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly __brand: "Digest" };

/** Bytes of a digest in binary form. */
export const DIGEST_BYTES = 32;

const DIGEST_PATTERN = /^[0-9a-f]{64}$/;

/**
 * Parses the textual form; lower case only (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseDigest(text: string): Digest {
  if (!DIGEST_PATTERN.test(text)) {
    throw new FormatError("FORMAT_INVALID", "digest", `"${text.slice(0, 80)}"`);
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, after the check
  return text as Digest;
}

/** Makes a digest of its 32 bytes. */
export function digestOfBytes(bytes: Uint8Array): Digest {
  return parseDigest(toHex(bytes));
}

/**
 * Names plaintext; keyed when a key is given, as it is for chunks that are stored encrypted (spec blob.md §3.2).
 *
 * @param plain Borrowed.
 */
export function chunkDigest(provider: CodecProvider, plain: Uint8Array, key?: CryptKey): Digest {
  return digestOfBytes(key ? provider.sha256(plain, key.idKey) : provider.sha256(plain));
}

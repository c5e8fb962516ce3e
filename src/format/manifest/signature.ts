import { equalBytes } from "../bytes/equal-bytes.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { type CryptKey, keyFingerprint } from "../crypto/crypt-key.ts";
import { shortFingerprint } from "../crypto/fingerprint.ts";
import { FormatError } from "../format-error.ts";
import { canonicalJson } from "./canonical-json.ts";
import { keyFingerprintOf } from "./manifest-summary.ts";
import { type Manifest, signedPart } from "./manifest.ts";

const WHAT = "manifest";

/**
 * Computes the signature over everything but `unprotected` and `signature`, with the id key.
 *
 * @returns 64 lower-case hexadecimal digits.
 * @see spec manifest.md §3.2
 */
export function manifestSignature(
  provider: CodecProvider,
  manifest: Manifest,
  key: CryptKey,
): string {
  const message = new TextEncoder().encode(canonicalJson(signedPart(manifest)));
  return toHex(provider.hmacSha256(key.idKey, message));
}

/** The same manifest with its signature, and the key's fingerprint beside it (spec manifest.md §3.2). */
export function signManifest(provider: CodecProvider, manifest: Manifest, key: CryptKey): Manifest {
  return {
    ...manifest,
    signature: manifestSignature(provider, manifest, key),
    unprotected: { ...manifest.unprotected, "key-fingerprint": keyFingerprint(provider, key) },
  };
}

/**
 * Checks the signature over the members this program knows; unknown members take no part, as in 4.x.
 *
 * @returns Whether there is a signature at all: an unsigned manifest is acceptable to the format.
 * @throws {FormatError} `FORMAT_WRONG_KEY` if it names another key, `FORMAT_BAD_SIGNATURE`.
 * @see spec manifest.md §3.3
 */
export function verifyManifest(
  provider: CodecProvider,
  manifest: Manifest,
  key: CryptKey,
): "signed" | "unsigned" {
  if (manifest.signature === undefined) return "unsigned";
  const wanted = keyFingerprintOf(manifest);
  const present = keyFingerprint(provider, key);
  if (wanted !== undefined && wanted !== present) {
    throw new FormatError(
      "FORMAT_WRONG_KEY",
      WHAT,
      `it needs the key ${shortFingerprint(wanted)}, the given one is ${shortFingerprint(present)}`,
    );
  }
  const signature = fromHex(manifestSignature(provider, manifest, key));
  if (!equalBytes(fromHex(manifest.signature), signature)) {
    throw new FormatError("FORMAT_BAD_SIGNATURE", WHAT);
  }
  return "signed";
}

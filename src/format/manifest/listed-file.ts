import { type CryptKey } from "../crypto/crypt-key.ts";
import { shortFingerprint } from "../crypto/fingerprint.ts";
import { FormatError } from "../format-error.ts";
import { RSA_KEY_NAME } from "../snapshot/archive-name.ts";
import { keyFingerprintOf } from "./manifest-summary.ts";
import { type Manifest, type ManifestFile } from "./manifest.ts";

/** A file as it turned out to be. */
export interface FoundFile {
  /** Bytes of the archive for an index, of the encoded blob for a blob. */
  readonly size: number;
  /** Index checksum, or SHA-256 of the encoded blob, computed from its bytes: 64 lower-case hexadecimal digits. */
  readonly csum: string;
}

/**
 * Compares a file with what the manifest lists (spec manifest.md §3.4): only then the signature covers its content.
 *
 * @throws {FormatError} `FORMAT_NOT_AS_LISTED`.
 */
export function checkListedFile(
  listed: Pick<ManifestFile, "filename" | "size" | "csum">,
  found: FoundFile,
): void {
  if (found.size === listed.size && found.csum === listed.csum.toLowerCase()) return;
  throw new FormatError(
    "FORMAT_NOT_AS_LISTED",
    `"${listed.filename}"`,
    `it has ${found.size} bytes and checksum ${found.csum}, ` +
      `the manifest says ${listed.size} and ${listed.csum}`,
  );
}

/**
 * Fails early for content that cannot be decrypted, and names the key that would open it.
 *
 * The RSA-encrypted key counts as encrypted in the manifest, but no key of ours opens it (spec manifest.md §4.2).
 *
 * @throws {FormatError} `FORMAT_KEY_REQUIRED`.
 */
export function checkKeyForFile(
  manifest: Manifest,
  { filename, cryptMode }: Pick<ManifestFile, "filename" | "cryptMode">,
  key: CryptKey | undefined,
): void {
  if (key || cryptMode !== "encrypt" || filename === RSA_KEY_NAME) return;
  const fingerprint = keyFingerprintOf(manifest);
  throw new FormatError(
    "FORMAT_KEY_REQUIRED",
    `"${filename}"`,
    fingerprint === undefined
      ? "it is encrypted, and no key was given"
      : `it is encrypted with the key ${shortFingerprint(fingerprint)}, and no key was given`,
  );
}

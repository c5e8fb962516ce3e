import { FormatError } from "../format-error.ts";
import { type CodecProvider } from "./codec-provider.ts";
import { type Fingerprint, fingerprintOfBytes } from "./fingerprint.ts";

/** A key in the two forms that formats need it in; 32 bytes each. */
export interface CryptKey {
  /** Encrypts blobs. */
  readonly encKey: Uint8Array;
  /** Derived from {@link encKey}: goes into chunk digests, signs manifests. */
  readonly idKey: Uint8Array;
}

const KEY_BYTES = 32;
const ID_KEY_SALT = "_id_key";
const ID_KEY_ITERATIONS = 10;
/** What is digested with a key to name that key (spec keyfile.md §1). */
const FINGERPRINT_SEED = "Proxmox Backup Encryption Key Fingerprint";

/**
 * Derives the id key of an encryption key (spec blob.md §3.1).
 *
 * @param encKey Borrowed for the lifetime of the result.
 * @throws {FormatError} `FORMAT_INVALID` unless it has 32 bytes.
 */
export function cryptKeyOf(provider: CodecProvider, encKey: Uint8Array): CryptKey {
  if (encKey.length !== KEY_BYTES) {
    throw new FormatError("FORMAT_INVALID", "encryption key", `${encKey.length} bytes, not 32`);
  }
  const salt = new TextEncoder().encode(ID_KEY_SALT);
  return { encKey, idKey: provider.pbkdf2Sha256(encKey, salt, ID_KEY_ITERATIONS, KEY_BYTES) };
}

/** Names a key: the keyed digest of a constant (spec keyfile.md §1). */
export function keyFingerprint(provider: CodecProvider, key: CryptKey): Fingerprint {
  const seed = provider.sha256(new TextEncoder().encode(FINGERPRINT_SEED));
  return fingerprintOfBytes(provider.sha256(seed, key.idKey));
}

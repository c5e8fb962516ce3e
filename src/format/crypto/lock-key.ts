import { equalBytes } from "../bytes/equal-bytes.ts";
import { FormatError } from "../format-error.ts";
import { type CodecProvider } from "./codec-provider.ts";
import { type CryptKey, cryptKeyOf, keyFingerprint } from "./crypt-key.ts";
import { fingerprintBytes, shortFingerprint } from "./fingerprint.ts";
import { derivePassphraseKey, type KeyDerivationName, newKeyDerivation } from "./key-derivation.ts";
import { KeyError } from "./key-error.ts";
import { checkHint, type KeyFile } from "./key-file.ts";

/** How a key is kept in a new key file. */
export interface KeyLock {
  readonly derivation: KeyDerivationName;
  /** Raw bytes as typed, UTF-8; borrowed. Not used with the derivation `none`. */
  readonly passphrase: Uint8Array;
  /** Only together with a passphrase. */
  readonly hint: string | undefined;
  /** When the key was made, in seconds since the epoch. */
  readonly createdSec: number;
  /** Now, likewise. */
  readonly modifiedSec: number;
}

/** Shortest passphrase in bytes (spec keyfile.md §2.3). */
export const PASSPHRASE_BYTES_MIN = 5;

const WHAT = "key file";
const KEY_BYTES = 32;
const IV_BYTES = 16;
const TAG_BYTES = 16;

/** Makes an encryption key: 32 random bytes, owned. */
export function newEncryptionKey(provider: CodecProvider): Uint8Array {
  return provider.randomBytes(KEY_BYTES);
}

/**
 * Puts a key into a key file, with new salt and nonce.
 *
 * A changed passphrase is the same with the old file's `createdSec` (spec keyfile.md §2.4).
 *
 * @throws {KeyError} `KEY_PASSPHRASE_SHORT`.
 * @throws {FormatError} `FORMAT_INVALID` for a hint that is none, or without a passphrase.
 */
export function lockKey(provider: CodecProvider, key: CryptKey, lock: KeyLock): KeyFile {
  const { derivation: name, passphrase, hint, createdSec, modifiedSec } = lock;
  checkLock(lock);
  if (name !== "none") checkPassphrase(passphrase);
  const derivation = newKeyDerivation(provider, name);
  const passphraseKey = derivePassphraseKey(provider, derivation, passphrase);
  const data = passphraseKey ? seal(provider, passphraseKey, key.encKey) : key.encKey.slice();
  passphraseKey?.fill(0);
  const fingerprint = keyFingerprint(provider, key);
  return { derivation, createdSec, modifiedSec, data, fingerprint, hint };
}

/**
 * Takes the key out of a key file and proves that it is the one the file names.
 *
 * @param passphrase Borrowed; not used for a key that lies in the clear.
 * @returns The key, owned.
 * @throws {KeyError} `KEY_PASSPHRASE_SHORT`, `KEY_WRONG_PASSPHRASE` with the file's hint, `KEY_FINGERPRINT_MISMATCH`.
 * @throws {FormatError} `FORMAT_INVALID` for data that cannot hold a key.
 * @see spec keyfile.md §2.3
 */
export function unlockKeyFile(
  provider: CodecProvider,
  file: KeyFile,
  passphrase: Uint8Array,
): CryptKey {
  const { derivation, data, fingerprint, hint } = file;
  const needsPassphrase = derivation.name !== "none";
  const dataBytes = needsPassphrase ? IV_BYTES + TAG_BYTES + KEY_BYTES : KEY_BYTES;
  if (needsPassphrase) checkPassphrase(passphrase);
  if (data.length !== dataBytes) {
    throw new FormatError(
      "FORMAT_INVALID",
      WHAT,
      `"data" has ${data.length} bytes, not ${dataBytes}`,
    );
  }
  const passphraseKey = derivePassphraseKey(provider, derivation, passphrase);
  const encKey = passphraseKey ? unseal(provider, passphraseKey, data) : data.slice();
  passphraseKey?.fill(0);
  if (encKey === undefined) {
    const detail = hint === undefined ? "" : `; its hint is ${JSON.stringify(hint)}`;
    throw new KeyError("KEY_WRONG_PASSPHRASE", `Cannot open the key: wrong passphrase${detail}`);
  }
  const key = cryptKeyOf(provider, encKey);
  const present = keyFingerprint(provider, key);
  if (
    fingerprint !== undefined &&
    !equalBytes(fingerprintBytes(fingerprint), fingerprintBytes(present))
  ) {
    const names = `the key file names ${shortFingerprint(fingerprint)} and holds ${shortFingerprint(present)}`;
    throw new KeyError("KEY_FINGERPRINT_MISMATCH", `Cannot use the key: ${names}`);
  }
  return key;
}

/**
 * Lets a hint pass that is one, and that has a passphrase to hint at.
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function checkLock({ derivation, hint }: Pick<KeyLock, "derivation" | "hint">): void {
  if (hint === undefined) return;
  checkHint(hint);
  if (derivation !== "none") return;
  throw new FormatError("FORMAT_INVALID", "passphrase hint", "there is no passphrase to hint at");
}

/**
 * Lets a passphrase pass that is long enough.
 *
 * @throws {KeyError} `KEY_PASSPHRASE_SHORT`.
 */
export function checkPassphrase(passphrase: Uint8Array): void {
  if (passphrase.length >= PASSPHRASE_BYTES_MIN) return;
  const message = `Cannot use the passphrase: it is shorter than ${PASSPHRASE_BYTES_MIN} bytes`;
  throw new KeyError("KEY_PASSPHRASE_SHORT", message);
}

function seal(provider: CodecProvider, passphraseKey: Uint8Array, encKey: Uint8Array): Uint8Array {
  const iv = provider.randomBytes(IV_BYTES);
  const { ciphertext, tag } = provider.aes256GcmEncrypt(passphraseKey, iv, encKey);
  const data = new Uint8Array(IV_BYTES + TAG_BYTES + ciphertext.length);
  data.set(iv);
  data.set(tag, IV_BYTES);
  data.set(ciphertext, IV_BYTES + TAG_BYTES);
  return data;
}

function unseal(
  provider: CodecProvider,
  passphraseKey: Uint8Array,
  data: Uint8Array,
): Uint8Array | undefined {
  const iv = data.subarray(0, IV_BYTES);
  const tag = data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  return provider.aes256GcmDecrypt(passphraseKey, iv, tag, data.subarray(IV_BYTES + TAG_BYTES));
}

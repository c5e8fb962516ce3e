import { readFileSync } from "node:fs";

/** Text of a file of `fixtures/keys` or `fixtures/crypt`. */
export function keyFixture(path: KeyPath): string {
  return readFileSync(new URL(`../../fixtures/${path}`, import.meta.url), "utf8");
}

type KeyPath = `${"keys" | "crypt"}/${string}`;
type LockedKey = readonly [path: KeyPath, passphrase: string, clearPath: KeyPath];

/** Key files of the official client with their passphrases, and the file that holds the same key in the clear. */
export const lockedKeys: readonly LockedKey[] = [
  ["keys/key-scrypt.json", "correct horse battery staple", "keys/key-scrypt-then-none.json"],
  ["keys/key-none-then-scrypt.json", "correct horse battery staple", "keys/key-none.json"],
  ["keys/key-pbkdf2.json", "correct horse battery staple", "keys/key-pbkdf2-then-none.json"],
  ["keys/key-scrypt-utf8.json", "Pässwörd→日本", "keys/key-scrypt-utf8-then-none.json"],
  ["keys/key-scrypt-short.json", "12345", "keys/key-scrypt-short-then-none.json"],
  ["crypt/known-key-scrypt.json", "hunter22", "crypt/known-key-none.json"],
  ["crypt/known-key-pbkdf2.json", "hunter22", "crypt/known-key-none.json"],
];

/** Every key file of the official client. */
export const keyFilePaths: readonly KeyPath[] = [
  ...new Set(lockedKeys.flatMap(([locked, , clear]) => [locked, clear])),
];

/** The documented key in all its forms (`fixtures/keys/keyfile-vectors.json`). */
export interface DocumentedKey {
  readonly encryption_key_hex: string;
  readonly fingerprint: string;
  readonly passphrase: string;
  readonly salt_hex: string;
  readonly iv_hex: string;
  readonly keyfile_none: string;
  readonly scrypt: { readonly keyfile: string };
  readonly pbkdf2: { readonly keyfile: string };
  readonly rsa: {
    readonly private_key_pkcs8_der_base64: string;
    readonly private_key_encrypted_pkcs8_der_base64: string;
    readonly private_key_passphrase: string;
    readonly public_key_spki_der_base64: string;
    readonly ciphertext_base64: string;
  };
}

/** Reads the documented key. */
export function documentedKey(): DocumentedKey {
  return JSON.parse(keyFixture("keys/keyfile-vectors.json")) as DocumentedKey;
}

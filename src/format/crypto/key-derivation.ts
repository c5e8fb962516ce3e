import { FormatError } from "../format-error.ts";
import { PBKDF2_ITERATIONS_MAX, SCRYPT_MEMORY_BYTES_MAX, SCRYPT_WORK_MAX } from "../limits.ts";
import { type CodecProvider, type ScryptCost } from "./codec-provider.ts";

/** How a passphrase becomes the key that encrypts a key file, as commands name it (spec keyfile.md §2.4). */
export const keyDerivationNames = ["none", "scrypt", "pbkdf2"] as const;

/** One of {@link keyDerivationNames}. */
export type KeyDerivationName = (typeof keyDerivationNames)[number];

/** A way to derive a key, with its parameters; `none` for a key that lies in the clear. */
export type KeyDerivation =
  | { readonly name: "none" }
  | { readonly name: "scrypt"; readonly cost: ScryptCost; readonly salt: Uint8Array }
  | { readonly name: "pbkdf2"; readonly iterations: number; readonly salt: Uint8Array };

/** Bytes of a derived key. */
const DERIVED_BYTES = 32;
/** Bytes of a new salt (spec keyfile.md §2.2). */
const SALT_BYTES = 32;
/** Cost of new key files (spec keyfile.md §2.2). */
const SCRYPT_COST: ScryptCost = { n: 65_536, r: 8, p: 1 };
/** Cost of new key files (spec keyfile.md §2.2). */
const PBKDF2_ITERATIONS = 65_535;

/** The derivation of a new key file: the official parameters and a new salt. */
export function newKeyDerivation(provider: CodecProvider, name: KeyDerivationName): KeyDerivation {
  switch (name) {
    case "none":
      return { name };
    case "scrypt":
      return { name, cost: SCRYPT_COST, salt: provider.randomBytes(SALT_BYTES) };
    case "pbkdf2":
      return { name, iterations: PBKDF2_ITERATIONS, salt: provider.randomBytes(SALT_BYTES) };
  }
}

/**
 * Derives the key that a passphrase stands for.
 *
 * Takes some tenths of a second and up to {@link SCRYPT_MEMORY_BYTES_MAX} bytes, as the parameters say; see
 * {@link checkKeyDerivation}.
 *
 * @returns 32 bytes, owned; `undefined` for `none`.
 */
export function derivePassphraseKey(
  provider: CodecProvider,
  derivation: KeyDerivation,
  passphrase: Uint8Array,
): Uint8Array | undefined {
  switch (derivation.name) {
    case "none":
      return undefined;
    case "scrypt":
      return provider.scrypt(passphrase, derivation.salt, derivation.cost, DERIVED_BYTES);
    case "pbkdf2":
      return provider.pbkdf2Sha256(
        passphrase,
        derivation.salt,
        derivation.iterations,
        DERIVED_BYTES,
      );
  }
}

/**
 * Lets parameters pass that come from outside, or fails: none that are no scrypt or PBKDF2 at all, and none that would
 * take more memory or time than {@link SCRYPT_MEMORY_BYTES_MAX} and its neighbours allow.
 *
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE`.
 */
export function checkKeyDerivation(derivation: KeyDerivation, what: string): void {
  switch (derivation.name) {
    case "none":
      return;
    case "scrypt":
      checkScrypt(derivation.cost, what);
      return;
    case "pbkdf2":
      if (!isCount(derivation.iterations, PBKDF2_ITERATIONS_MAX)) {
        throw outOfRange(what, `PBKDF2 with ${derivation.iterations} iterations`);
      }
  }
}

/** Conditions of RFC 7914 §2 and of OpenSSL, which counts the blocks of all lanes and two more into the memory. */
function checkScrypt({ n, r, p }: ScryptCost, what: string): void {
  const blockBytes = 128 * r;
  const isScrypt =
    isCount(n, SCRYPT_WORK_MAX) &&
    isCount(r, SCRYPT_WORK_MAX) &&
    isCount(p, SCRYPT_WORK_MAX) &&
    n > 1 &&
    Number.isInteger(Math.log2(n)) &&
    Math.log2(n) < 16 * r;
  const isAffordable =
    blockBytes * (n + p + 2) <= SCRYPT_MEMORY_BYTES_MAX && n * r * p <= SCRYPT_WORK_MAX;
  if (!isScrypt || !isAffordable) throw outOfRange(what, `scrypt with n=${n}, r=${r}, p=${p}`);
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}

function outOfRange(what: string, detail: string): FormatError {
  return new FormatError("FORMAT_OUT_OF_RANGE", what, `${detail} is not acceptable`);
}

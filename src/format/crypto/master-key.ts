import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

import { KeyError } from "./key-error.ts";

/** A new master key as its two files hold it. */
export interface MasterKeyFiles {
  /** SubjectPublicKeyInfo in PEM form. */
  readonly publicPem: string;
  /** PKCS#8 in PEM form, encrypted with the passphrase. */
  readonly privatePem: string;
}

/** A public master key, proven to be RSA. */
export interface MasterPublicKey {
  /** For node:crypto. */
  readonly key: KeyObject;
  /** Upper-case hexadecimal digits, as `key show-master-pubkey` prints them. */
  readonly modulus: string;
  /** Decimal digits. */
  readonly exponent: string;
  readonly modulusBits: number;
}

/** Length of new master keys (spec keyfile.md §4.1). */
const MODULUS_BITS = 4096;
const PUBLIC_PEM = /^\s*-----BEGIN PUBLIC KEY-----/;
const ENCRYPTED_PEM = /^\s*-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/**
 * Makes an RSA key pair; takes some seconds, in a thread of the platform (spec keyfile.md §4.1).
 *
 * @param passphrase Borrowed; see `checkPassphrase`.
 */
export async function newMasterKey(passphrase: Uint8Array): Promise<MasterKeyFiles> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: MODULUS_BITS,
    publicExponent: 65_537,
  });
  const encryption = { cipher: "aes-256-cbc", passphrase: Buffer.from(passphrase.slice()) };
  const privatePem = privateKey.export({ type: "pkcs8", format: "pem", ...encryption });
  encryption.passphrase.fill(0);
  return {
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    privatePem: privatePem.toString(),
  };
}

/**
 * Parses the public part of a master key.
 *
 * @param origin Where it comes from, for errors: `'/path'`.
 * @throws {KeyError} `KEY_MASTER_UNUSABLE` for anything but an RSA key as SubjectPublicKeyInfo in PEM form; a private
 *   key in particular is not taken for its public part.
 */
export function parseMasterPublicKey(pem: string, origin?: string): MasterPublicKey {
  const what = origin === undefined ? "public master key" : `public master key ${origin}`;
  if (!PUBLIC_PEM.test(pem)) {
    throw unusable(what, 'it does not begin with "-----BEGIN PUBLIC KEY-----"');
  }
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw unusable(what, "it is damaged", error);
  }
  const modulusBits = requireRsa(key, what);
  const { n, e } = key.export({ format: "jwk" });
  return {
    key,
    modulus: Buffer.from(n ?? "", "base64url")
      .toString("hex")
      .toUpperCase(),
    exponent: BigInt(`0x${Buffer.from(e ?? "", "base64url").toString("hex")}`).toString(),
    modulusBits,
  };
}

/** Whether the private part of a master key, in PEM form, has a passphrase. */
export function needsMasterPassphrase(pem: string): boolean {
  return ENCRYPTED_PEM.test(pem);
}

/**
 * Opens the private part of a master key.
 *
 * @param passphrase Borrowed; not used for a key that lies in the clear.
 * @throws {KeyError} `KEY_WRONG_PASSPHRASE`; `KEY_MASTER_UNUSABLE` for anything but an RSA key in PEM form.
 */
export function openMasterPrivateKey(pem: string, passphrase: Uint8Array): KeyObject {
  const secret = Buffer.from(passphrase.slice());
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: "pem", passphrase: secret });
  } catch (error) {
    if (!needsMasterPassphrase(pem)) throw unusable("private master key", "it is damaged", error);
    const message = "Cannot open the private master key: wrong passphrase, or the file is damaged";
    throw new KeyError("KEY_WRONG_PASSPHRASE", message);
  } finally {
    secret.fill(0);
  }
  requireRsa(key, "private master key");
  return key;
}

/** Bits of the modulus. */
function requireRsa(key: KeyObject, what: string): number {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (key.asymmetricKeyType === "rsa" && bits !== undefined) return bits;
  throw unusable(what, `it is not an RSA key but ${key.asymmetricKeyType ?? "of another type"}`);
}

function unusable(what: string, reason: string, cause?: unknown): KeyError {
  return new KeyError("KEY_MASTER_UNUSABLE", `Cannot use the ${what}: ${reason}`, { cause });
}

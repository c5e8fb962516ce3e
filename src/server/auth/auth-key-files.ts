import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { promisify } from "node:util";

import { type ConfigDirectory } from "../configuration/config-directory.ts";
import { ConfigError } from "../configuration/config-error.ts";
import { type AuthKeys } from "./authenticator.ts";

/** Bytes of the CSRF secret. */
const CSRF_SECRET_BYTES = 32;

/**
 * Reads `authkey.key` and `csrf.key`, or makes them on first start.
 *
 * @throws {ConfigError} `CONFIG_INVALID` when the key is no Ed25519 key.
 */
export async function loadAuthKeys(directory: ConfigDirectory): Promise<AuthKeys> {
  const ticketPrivateKey = await loadTicketKey(directory);
  return {
    ticketPrivateKey,
    ticketPublicKey: createPublicKey(ticketPrivateKey),
    csrfSecret: await loadCsrfSecret(directory),
  };
}

async function loadTicketKey(directory: ConfigDirectory): Promise<KeyObject> {
  const stored = await directory.read("authkey.key");
  if (stored !== undefined) {
    const key = parsePrivateKey(stored);
    if (!["ed25519", "rsa"].includes(key.asymmetricKeyType ?? "")) {
      throw new ConfigError("CONFIG_INVALID", "authkey.key", "the key is neither Ed25519 nor RSA");
    }
    return key;
  }
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ed25519");
  await directory.write("authkey.key", pem(privateKey, "pkcs8"));
  await directory.write("authkey.pub", pem(publicKey, "spki"));
  return privateKey;
}

async function loadCsrfSecret(directory: ConfigDirectory): Promise<Uint8Array> {
  const stored = await directory.read("csrf.key");
  if (stored !== undefined) return Buffer.from(stored.trim(), "base64");
  const secret = randomBytes(CSRF_SECRET_BYTES);
  await directory.write("csrf.key", secret.toString("base64"));
  return secret;
}

function parsePrivateKey(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    throw new ConfigError("CONFIG_INVALID", "authkey.key", "the key cannot be read", { cause });
  }
}

function pem(key: KeyObject, type: "pkcs8" | "spki"): string {
  return key.export({ format: "pem", type }).toString();
}

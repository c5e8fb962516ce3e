import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

import { cryptHash } from "../../linux/crypt-hash.ts";

interface ScryptCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and about 80 ms a try on one core: dear for guessing, cheap for a login. */
const COST: ScryptCost = { logN: 15, r: 8, p: 1 };

const OWN_PREFIX = "$amber-scrypt$";

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Hashes a password: `$amber-scrypt$ln=15,r=8,p=1$<salt>$<hash>`, both in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, COST);
  const cost = `ln=${COST.logN},r=${COST.r},p=${COST.p}`;
  return `$amber-scrypt$${cost}$${salt.toString("base64")}$${Buffer.from(hash).toString("base64")}`;
}

/**
 * Whether the password belongs to the hash: one of ours, or one that a genuine server made, as far as the system's crypt(3)
 * knows it.
 *
 * Takes the time of one of our hashes also when there is none, so that a missing user cannot be told from a wrong password;
 * a hash of a genuine server takes its own time.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  if (hash !== undefined && !hash.startsWith(OWN_PREFIX))
    return await isCryptPhrase(password, hash);
  const stored = hash === undefined ? undefined : parseHash(hash);
  const salt = stored?.salt ?? Buffer.alloc(SALT_BYTES);
  const derived = await derive(password, salt, stored?.cost ?? COST);
  return stored !== undefined && timingSafeEqual(derived, stored.hash);
}

/** Whether a phrase belongs to a hash of crypt(3); compared in constant time. */
export async function isCryptPhrase(phrase: string, hash: string): Promise<boolean> {
  const made = Buffer.from((await cryptHash(phrase, hash)) ?? "");
  const wanted = Buffer.from(hash);
  return made.length === wanted.length && timingSafeEqual(made, wanted);
}

function parseHash(
  text: string,
): { readonly cost: ScryptCost; readonly salt: Uint8Array; readonly hash: Uint8Array } | undefined {
  const match =
    /^\$amber-scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/.exec(
      text,
    );
  if (!match) return undefined;
  const hash = Buffer.from(match[5] ?? "", "base64");
  if (hash.length !== HASH_BYTES) return undefined;
  const cost = { logN: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  return { cost, salt: Buffer.from(match[4] ?? "", "base64"), hash };
}

async function derive(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Uint8Array> {
  const N = 2 ** cost.logN;
  const maxmem = 256 * N * cost.r;
  return await new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, { N, r: cost.r, p: cost.p, maxmem }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

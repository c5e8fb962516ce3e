import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Keys of one set. */
const KEY_COUNT = 10;

/** Random bytes of one key. */
const KEY_BYTES = 8;

/** A set of keys as it is stored: only what they can be checked by. */
export interface StoredRecoveryKeys {
  /** Key of the hashes, hexadecimal. */
  readonly secret: string;
  /** HMAC-SHA256 of every key, hexadecimal; `null` for one that was used. */
  readonly entries: readonly (string | null)[];
  /** Seconds since the epoch. */
  readonly created: number;
}

/** Makes a set; the keys `xxxx-xxxx-xxxx-xxxx` are shown once (spec auth.md §3.5). */
export function makeRecoveryKeys(nowSec: number): {
  readonly keys: readonly string[];
  readonly stored: StoredRecoveryKeys;
} {
  const secret = randomBytes(32).toString("hex");
  const keys = Array.from({ length: KEY_COUNT }, () => {
    const digits = randomBytes(KEY_BYTES).toString("hex");
    return (digits.match(/.{4}/g) ?? []).join("-");
  });
  const entries = keys.map((key) => hashOf(key, secret));
  return { keys, stored: { secret, entries, created: nowSec } };
}

/** Position of a key in its set; `undefined` when it is not in there, or was used. Compared in constant time. */
export function recoveryKeyIndex(key: string, stored: StoredRecoveryKeys): number | undefined {
  const given = Buffer.from(hashOf(key, stored.secret), "hex");
  let found: number | undefined;
  stored.entries.forEach((entry, index) => {
    const wanted = Buffer.from(entry ?? "", "hex");
    if (wanted.length === given.length && timingSafeEqual(wanted, given)) found = index;
  });
  return found;
}

/** Positions of the keys that were not used. */
export function unusedRecoveryKeys({ entries }: StoredRecoveryKeys): readonly number[] {
  return entries.flatMap((entry, index) => (entry === null ? [] : [index]));
}

function hashOf(key: string, secret: string): string {
  const digits = key.trim().toLowerCase();
  return createHmac("sha256", Buffer.from(secret, "hex")).update(digits).digest("hex");
}

import { sign, verify, type KeyObject } from "node:crypto";

/** Seconds a ticket is valid after its time (spec auth.md §4). */
export const TICKET_LIFETIME_SEC = 7200;

/** Seconds a ticket may lie in the future, for clocks that disagree (spec auth.md §4). */
export const TICKET_EARLY_SEC = 300;

/** A ticket whose signature is right. */
export interface Ticket {
  /** Usually a user; percent-decoded. */
  readonly data: string;
  readonly timeSec: number;
}

/** How long a ticket of one kind is valid. */
export interface TicketLife {
  readonly earlySec: number;
  readonly lifetimeSec: number;
}

const LOGIN_LIFE: TicketLife = { earlySec: TICKET_EARLY_SEC, lifetimeSec: TICKET_LIFETIME_SEC };

/** Life of a ticket between the two steps of a login (spec auth.md §3.5). */
export const PARTIAL_LIFE: TicketLife = { earlySec: 60, lifetimeSec: 600 };

/**
 * Makes a ticket `PBS:<data>:<time>::<signature>` (spec auth.md §4).
 *
 * @param key Private key: Ed25519, or RSA as installations of before 3.2 have it.
 * @param aad What the signature covers besides the text: whom a partial ticket is for.
 */
export function signTicket(data: string, timeSec: number, key: KeyObject, aad?: string): string {
  const text = `PBS:${escapeData(data)}:${hexTime(timeSec)}`;
  const signature = sign(digestFor(key), signedBytes(text, aad), key)
    .toString("base64")
    .replaceAll("=", "");
  return `${text}::${signature}`;
}

/**
 * Takes a ticket apart when its signature and age are right, else gives `undefined`.
 *
 * @param key Public key, Ed25519 or RSA.
 * @param partial For a ticket between two steps: whom it must be for.
 */
export function verifyTicket(
  ticket: string,
  nowSec: number,
  key: KeyObject,
  partial?: { readonly aad: string },
): Ticket | undefined {
  const match = /^(PBS:([^:]*):([0-9A-Fa-f]{8,16}))::([A-Za-z0-9+/]+)$/.exec(ticket);
  if (!match) return undefined;
  const [, text = "", data = "", time = "", signature = ""] = match;
  const timeSec = Number.parseInt(time, 16);
  if (!isFresh(timeSec, nowSec, partial ? PARTIAL_LIFE : LOGIN_LIFE)) return undefined;
  if (
    !verify(digestFor(key), signedBytes(text, partial?.aad), key, Buffer.from(signature, "base64"))
  )
    return undefined;
  try {
    return { data: decodeURIComponent(data), timeSec };
  } catch {
    return undefined;
  }
}

/** Whether a ticket or token of this time is valid now. */
export function isFresh(timeSec: number, nowSec: number, life: TicketLife = LOGIN_LIFE): boolean {
  const ageSec = nowSec - timeSec;
  return ageSec >= -life.earlySec && ageSec <= life.lifetimeSec;
}

function signedBytes(text: string, aad: string | undefined): Uint8Array {
  return Buffer.from(aad === undefined ? text : `${text}:${aad}`);
}

/** Time in tickets and tokens: upper-case hexadecimal, at least 8 digits. */
export function hexTime(timeSec: number): string {
  return timeSec.toString(16).toUpperCase().padStart(8, "0");
}

/** Ed25519 hashes by itself; RSA signs SHA-256, padded as in PKCS#1 v1.5 (spec auth.md §4). */
function digestFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType === "rsa" ? "sha256" : null;
}

function escapeData(data: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are among what is escaped
  return data.replaceAll(/[\x00-\x1f\x7f:]|[^\x00-\x7f]+/g, (characters) =>
    [...Buffer.from(characters)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}

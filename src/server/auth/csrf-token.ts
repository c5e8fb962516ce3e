import { createHmac, timingSafeEqual } from "node:crypto";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { hexTime, isFresh } from "./ticket.ts";

/** Makes the token that requests with a cookie must carry unless they only read (spec auth.md §5.1). */
export function makeCsrfToken(user: AuthId, timeSec: number, secret: Uint8Array): string {
  const time = hexTime(timeSec);
  return `${time}:${mac(user, time, secret)}`;
}

/** Whether a token was made by {@link makeCsrfToken} for this user, and is not too old. */
export function isCsrfToken(
  token: string,
  user: AuthId,
  options: { readonly nowSec: number; readonly secret: Uint8Array },
): boolean {
  const match = /^([0-9A-Fa-f]{8,16}):([A-Za-z0-9+/]{43})$/.exec(token);
  if (!match) return false;
  const [, time = "", given = ""] = match;
  const wanted = mac(user, time, options.secret);
  return (
    isFresh(Number.parseInt(time, 16), options.nowSec) &&
    timingSafeEqual(Buffer.from(given), Buffer.from(wanted))
  );
}

function mac(user: AuthId, time: string, secret: Uint8Array): string {
  return createHmac("sha3-256", secret)
    .update(`${time}:${user}:`)
    .digest("base64")
    .replaceAll("=", "");
}

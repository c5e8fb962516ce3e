import { parseAuthId } from "../../src/format/snapshot/auth-id.ts";
import { systemClock } from "../../src/format/clock.ts";
import { type AuthKeys } from "../../src/server/auth/authenticator.ts";
import { makeCsrfToken } from "../../src/server/auth/csrf-token.ts";
import { signTicket } from "../../src/server/auth/ticket.ts";

/** Headers of a user who has logged in, made with the server's keys. */
export function loginHeaders(user: string, keys: AuthKeys): Readonly<Record<string, string>> {
  const nowSec = systemClock.nowSec();
  return {
    cookie: `PBSAuthCookie=${signTicket(user, nowSec, keys.ticketPrivateKey)}`,
    csrfpreventiontoken: makeCsrfToken(parseAuthId(user), nowSec, keys.csrfSecret),
  };
}

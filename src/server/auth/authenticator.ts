import { type KeyObject } from "node:crypto";
import { type IncomingHttpHeaders } from "node:http";

import { type Clock } from "../../format/clock.ts";
import { ApiError } from "../http/api-error.ts";
import { type Accounts } from "./accounts.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, tryParseAuthId } from "./auth-id.ts";
import { isCsrfToken, makeCsrfToken } from "./csrf-token.ts";
import { verifyPassword } from "./password-hash.ts";
import { signTicket, verifyTicket } from "./ticket.ts";

/** Keys that tickets and tokens are made with. */
export interface AuthKeys {
  /** Ed25519. */
  readonly ticketPrivateKey: KeyObject;
  readonly ticketPublicKey: KeyObject;
  readonly csrfSecret: Uint8Array;
}

/** Answer to a login (spec auth.md §3.1). */
export interface Login {
  readonly username: AuthId;
  readonly ticket: string;
  readonly CSRFPreventionToken: string;
}

const COOKIE_NAMES = ["__Host-PBSAuthCookie", "PBSAuthCookie"] as const;

/** Password checks that may run at once: each takes 32 MiB and a thread of the pool that files need too. */
const PASSWORD_CHECKS_MAX = 2;

/** Password checks that may wait; one more is refused at once. */
const PASSWORD_CHECKS_WAITING_MAX = 64;

/** Finds out who is calling: tickets in cookies, API tokens, passwords (spec auth.md §3 to §6). */
export class Authenticator {
  readonly #accounts: Accounts;
  readonly #keys: AuthKeys;
  readonly #clock: Clock;
  #checksRunning = 0;
  readonly #checksWaiting: (() => void)[] = [];

  constructor(accounts: Accounts, keys: AuthKeys, clock: Clock) {
    this.#accounts = accounts;
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * Tells who sent a request.
   *
   * A session cookie hides a token header, even when the cookie is bad (spec auth.md §6). A cookie needs the CSRF
   * token too, unless the method is GET.
   *
   * @throws {ApiError} `API_UNAUTHENTICATED`; the caller delays the answer.
   */
  async authenticate(headers: IncomingHttpHeaders, method: string): Promise<AuthId> {
    const cookie = sessionCookie(headers.cookie);
    if (cookie !== undefined) return this.#authenticateCookie(cookie, headers, method);
    const { authorization } = headers;
    if (authorization === undefined) throw failed("no authentication credentials provided.");
    const match = /^PBSAPIToken[= ]([^:]+):(.+)$/.exec(authorization);
    const token = tryParseAuthId(match?.[1] ?? "");
    const secret = percentDecoded(match?.[2] ?? "");
    if (
      token === undefined ||
      !isToken(token) ||
      !this.#accounts.isActive(token) ||
      !(await this.#accounts.isTokenSecret(
        token,
        secret,
        async (check) => await this.#inTurn(check),
      ))
    ) {
      throw failed("invalid credentials");
    }
    return token;
  }

  /**
   * Logs a user in, or renews a login when the password is a valid ticket of the same user (spec auth.md §3.3).
   *
   * @throws {ApiError} `API_UNAUTHENTICATED`, the same for every reason.
   */
  async login(user: AuthId, password: string): Promise<Login> {
    if (!this.#isTicketOf(user, password)) {
      const isRight = await this.#checkPassword(user, password);
      if (!isRight || isToken(user) || !this.#accounts.isActive(user)) throw loginFailed();
    }
    const nowSec = this.#clock.nowSec();
    return {
      CSRFPreventionToken: makeCsrfToken(user, nowSec, this.#keys.csrfSecret),
      ticket: signTicket(user, nowSec, this.#keys.ticketPrivateKey),
      username: user,
    };
  }

  /**
   * Demands the caller's own password once more, before something that a stolen ticket must not do.
   *
   * @throws {ApiError} `API_UNAUTHENTICATED`.
   */
  async confirm(user: AuthId, password: string | undefined): Promise<void> {
    if (password === undefined) throw new ApiError("API_UNAUTHENTICATED", "missing password");
    if (!(await this.#checkPassword(user, password))) throw loginFailed();
  }

  #isTicketOf(user: AuthId, password: string): boolean {
    if (!password.startsWith("PBS:")) return false;
    const ticket = verifyTicket(password, this.#clock.nowSec(), this.#keys.ticketPublicKey);
    if (!ticket) return false;
    if (ticket.data !== user || !this.#accounts.isActive(user)) throw loginFailed();
    return true;
  }

  #authenticateCookie(cookie: string, headers: IncomingHttpHeaders, method: string): AuthId {
    const nowSec = this.#clock.nowSec();
    const ticket = verifyTicket(percentDecoded(cookie), nowSec, this.#keys.ticketPublicKey);
    const user = tryParseAuthId(ticket?.data ?? "");
    if (user === undefined || isToken(user)) throw failed("invalid ticket");
    if (!this.#accounts.isActive(user)) throw failed("user account disabled or expired.");
    if (method !== "GET" && method !== "HEAD") {
      const token = headers["csrfpreventiontoken"];
      if (typeof token !== "string") throw failed("missing CSRF prevention token");
      if (!isCsrfToken(token, user, { nowSec, secret: this.#keys.csrfSecret })) {
        throw failed("invalid CSRF prevention token");
      }
    }
    return user;
  }

  async #checkPassword(user: AuthId, password: string): Promise<boolean> {
    return await this.#inTurn(
      async () => await verifyPassword(password, this.#accounts.passwordHash(user)),
    );
  }

  /** Runs a check that takes long when few others run. */
  async #inTurn(check: () => Promise<boolean>): Promise<boolean> {
    if (this.#checksRunning >= PASSWORD_CHECKS_MAX) {
      if (this.#checksWaiting.length >= PASSWORD_CHECKS_WAITING_MAX) throw loginFailed();
      await new Promise<void>((resolve) => this.#checksWaiting.push(resolve));
    }
    this.#checksRunning += 1;
    try {
      return await check();
    } finally {
      this.#checksRunning -= 1;
      this.#checksWaiting.shift()?.();
    }
  }
}

function sessionCookie(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const cookies = new Map<string, string>();
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const name = part.slice(0, equals).trim();
    if (!cookies.has(name)) cookies.set(name, part.slice(equals + 1).trim());
  }
  for (const name of COOKIE_NAMES) {
    const value = cookies.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Decodes `%xx`; `+` stays a plus, a malformed escape stays as it is (spec auth.md §5). */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function failed(reason: string): ApiError {
  return new ApiError("API_UNAUTHENTICATED", `authentication failed - ${reason}`);
}

function loginFailed(): ApiError {
  return new ApiError("API_UNAUTHENTICATED", "permission check failed.");
}

import { type KeyObject } from "node:crypto";
import { type IncomingHttpHeaders } from "node:http";

import { type Clock } from "../../format/clock.ts";
import { ApiError } from "../http/api-error.ts";
import { type Accounts } from "./accounts.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, realmOf, tryParseAuthId } from "./auth-id.ts";
import { CheckTurns } from "./check-turns.ts";
import { isCsrfToken, makeCsrfToken } from "./csrf-token.ts";
import { FailedLogins } from "./failed-logins.ts";
import { verifyPassword } from "./password-hash.ts";
import { type SecondFactors, type TfaChallenge } from "./second-factors.ts";
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

/** Data of a ticket between the two steps of a login begins with this (spec auth.md §3.5). */
const CHALLENGE_PREFIX = "!tfa!";

/** What an authenticator works with. */
export interface AuthenticatorOptions {
  readonly accounts: Accounts;
  readonly keys: AuthKeys;
  readonly clock: Clock;
  readonly factors: SecondFactors;
  /** Asks the system about a user of realm pam that has no password here. */
  readonly pam: PasswordCheck;
}

/** Whether a password is the one of a user. */
export type PasswordCheck = (user: AuthId, password: string) => Promise<boolean>;

/** One attempt to log in. */
export interface LoginAttempt {
  readonly user: AuthId;
  readonly password: string;
  /** Ticket of the first step; the password is then the second factor. */
  readonly challenge?: string | undefined;
  /** Address it comes from. */
  readonly peer: string;
}

/** Finds out who is calling: tickets in cookies, API tokens, passwords, second factors (spec auth.md §3 to §6). */
export class Authenticator {
  readonly #accounts: Accounts;
  readonly #keys: AuthKeys;
  readonly #clock: Clock;
  readonly #factors: SecondFactors;
  readonly #pam: PasswordCheck;
  readonly #turns = new CheckTurns();
  readonly #failedLogins: FailedLogins;

  constructor({ accounts, keys, clock, factors, pam }: AuthenticatorOptions) {
    this.#accounts = accounts;
    this.#keys = keys;
    this.#clock = clock;
    this.#factors = factors;
    this.#pam = pam;
    this.#failedLogins = new FailedLogins(clock);
  }

  /**
   * Tells who sent a request.
   *
   * A session cookie hides a token header, even when the cookie is bad (spec auth.md §6). A cookie needs the CSRF
   * token too, unless the method is GET.
   *
   * @param peer Address it comes from.
   * @throws {ApiError} `API_UNAUTHENTICATED`; the caller delays the answer. `API_BUSY` when too many are being checked.
   */
  async authenticate(headers: IncomingHttpHeaders, method: string, peer: string): Promise<AuthId> {
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
        async (check) => await this.#turns.run(peer, check),
      ))
    ) {
      throw failed("invalid credentials");
    }
    return token;
  }

  /**
   * Logs a user in, or renews a login when the password is a valid ticket of the same user (spec auth.md §3.3).
   *
   * A user with a second factor gets a partial ticket, which names what is asked for; the next attempt brings it back with the answer.
   *
   * @throws {ApiError} `API_UNAUTHENTICATED`, the same for every reason. `API_BUSY`, which counts as no attempt, when too
   *   many are being checked.
   */
  async login({ user, password, challenge, peer }: LoginAttempt): Promise<Login> {
    if (challenge === undefined && this.#isTicketOf(user, password)) return this.#fullLogin(user);
    if (isToken(user) || this.#failedLogins.isLocked(user, peer)) throw loginFailed();
    const isRight =
      challenge === undefined
        ? await this.#checkPassword(user, password, peer)
        : await this.#checkAnswer(user, password, challenge);
    if (!isRight || !this.#accounts.isActive(user)) {
      this.#failedLogins.failed(user, peer);
      throw loginFailed();
    }
    const wanted = challenge === undefined ? this.#factors.challenge(user) : undefined;
    if (wanted) return this.#partialLogin(user, wanted);
    this.#failedLogins.succeeded(user, peer);
    return this.#fullLogin(user);
  }

  /**
   * Demands the caller's own password once more, before something that a stolen ticket must not do.
   *
   * @throws {ApiError} `API_UNAUTHENTICATED`, or `API_BUSY` as {@link login}.
   */
  async confirm(user: AuthId, password: string | undefined, peer: string): Promise<void> {
    if (password === undefined) throw new ApiError("API_UNAUTHENTICATED", "missing password");
    const isLocked = this.#failedLogins.isLocked(user, peer);
    if (!isLocked && (await this.#checkPassword(user, password, peer))) return;
    this.#failedLogins.failed(user, peer);
    throw loginFailed();
  }

  #fullLogin(user: AuthId): Login {
    const nowSec = this.#clock.nowSec();
    return {
      CSRFPreventionToken: makeCsrfToken(user, nowSec, this.#keys.csrfSecret),
      ticket: signTicket(user, nowSec, this.#keys.ticketPrivateKey),
      username: user,
    };
  }

  #partialLogin(user: AuthId, challenge: TfaChallenge): Login {
    const data = `${CHALLENGE_PREFIX}${JSON.stringify(challenge)}`;
    const nowSec = this.#clock.nowSec();
    const ticket = signTicket(data, nowSec, this.#keys.ticketPrivateKey, user);
    return { CSRFPreventionToken: "invalid", ticket, username: user };
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

  async #checkPassword(user: AuthId, password: string, peer: string): Promise<boolean> {
    const hash = this.#accounts.passwordHash(user);
    const isOfSystem = realmOf(user) === "pam" && hash === undefined;
    const check = isOfSystem
      ? async (): Promise<boolean> => await this.#pam(user, password)
      : async (): Promise<boolean> => await verifyPassword(password, hash);
    return await this.#turns.run(peer, check);
  }

  async #checkAnswer(user: AuthId, answer: string, challenge: string): Promise<boolean> {
    const nowSec = this.#clock.nowSec();
    const key = this.#keys.ticketPublicKey;
    const ticket = verifyTicket(challenge, nowSec, key, { aad: user });
    if (ticket?.data.startsWith(CHALLENGE_PREFIX) !== true) return false;
    return this.#accounts.isActive(user) && (await this.#factors.answer(user, answer));
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

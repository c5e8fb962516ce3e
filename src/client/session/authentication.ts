import { type Clock } from "../../format/clock.ts";
import { ApiError } from "./api-error.ts";
import { isJsonObject } from "./server-answer.ts";
import { type RestClient } from "./rest-client.ts";
import { SessionError } from "./session-error.ts";
import { type CachedTicket } from "./ticket-cache.ts";

/** Milliseconds after which a ticket is exchanged for a new one: 15 minutes (spec auth.md §3.3). */
export const TICKET_REFRESH_MS = 900_000;

/** Age after which a ticket is worth nothing (spec auth.md §4). */
const TICKET_LIFE_SEC = 2 * 3600;

/** Proves who is calling. */
export interface Authentication extends Disposable {
  /** Headers of one request; logs in or refreshes first when needed. */
  headers(signal?: AbortSignal): Promise<Readonly<Record<string, string>>>;
}

/** Authenticates with an API token: nothing is asked of the server beforehand (spec auth.md §6). */
export function tokenAuthentication(tokenId: string, secret: string): Authentication {
  const headers = { Authorization: `PBSAPIToken ${tokenId}:${encodeSecret(secret)}` };
  return {
    headers: async () => await Promise.resolve(headers),
    [Symbol.dispose]: () => undefined,
  };
}

/** What a login with a user name needs. */
export interface TicketLoginOptions {
  readonly rest: RestClient;
  /** `user@realm`. */
  readonly userId: string;
  /** Ticket of an earlier login, tried first; its failure is silent (spec auth.md §11.3). */
  readonly cached?: CachedTicket;
  /** Gives the password when it is needed: it may ask a person, so it is called once at most. */
  readonly askPassword: () => Promise<string>;
  readonly clock: Clock;
  /** Milliseconds between refreshes; {@link TICKET_REFRESH_MS} at the edge. */
  readonly refreshMs: number;
}

/**
 * Authenticates with a ticket that is kept fresh for as long as this lives (spec auth.md §3, §5).
 *
 * Every `refreshMs` the ticket is exchanged, also when nothing is called, so that a long session can
 * connect again. If that fails until the ticket has died, the password is used once more.
 */
export class TicketAuthentication implements Authentication {
  readonly #options: TicketLoginOptions;
  #login: Promise<CachedTicket> | undefined;
  #password: Promise<string> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TicketLoginOptions) {
    this.#options = options;
  }

  /** The ticket in effect, after logging in if needed. */
  async ticket(signal?: AbortSignal): Promise<CachedTicket> {
    this.#login ??= this.#logIn(signal);
    try {
      return await this.#login;
    } catch (error) {
      this.#login = undefined;
      throw error;
    }
  }

  async headers(signal?: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const ticket = await this.ticket(signal);
    return {
      Cookie: `PBSAuthCookie=${encodeTicket(ticket.ticket)}`,
      CSRFPreventionToken: ticket.token,
    };
  }

  /** Stops refreshing. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #logIn(signal: AbortSignal | undefined): Promise<CachedTicket> {
    const ticket = (await this.#redeemCached(signal)) ?? (await this.#logInWithPassword(signal));
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      void this.#refresh(ticket);
    }, this.#options.refreshMs);
    this.#timer.unref();
    return ticket;
  }

  async #redeemCached(signal: AbortSignal | undefined): Promise<CachedTicket | undefined> {
    const { cached } = this.#options;
    if (!cached) return undefined;
    try {
      return await this.#request(cached.ticket, signal);
    } catch (error) {
      if (error instanceof ApiError) return undefined;
      throw error;
    }
  }

  async #logInWithPassword(signal: AbortSignal | undefined): Promise<CachedTicket> {
    this.#password ??= this.#options.askPassword();
    return await this.#request(await this.#password, signal);
  }

  async #refresh(first: CachedTicket): Promise<void> {
    const current = await (this.#login ?? Promise.resolve(first)).catch(() => first);
    try {
      this.#login = Promise.resolve(await this.#request(current.ticket, undefined));
    } catch {
      // The next round tries again; a ticket that has died makes the next call log in anew.
      const ageSec = this.#options.clock.nowSec() - current.timestamp;
      if (ageSec >= TICKET_LIFE_SEC) this.#login = undefined;
    }
  }

  async #request(password: string, signal: AbortSignal | undefined): Promise<CachedTicket> {
    const { rest, userId, clock } = this.#options;
    const data = await rest.call(
      "POST",
      "access/ticket",
      { username: userId, password },
      signal ? { signal } : {},
    );
    const { ticket, CSRFPreventionToken: token } = isJsonObject(data) ? data : {};
    if (typeof ticket !== "string" || typeof token !== "string") {
      throw new SessionError(
        "SESSION_PROTOCOL",
        "Cannot log in: the server's answer has no ticket",
      );
    }
    if (ticket.startsWith("PBS:!tfa!") || token === "invalid") {
      const message = `Cannot log in as "${userId}": the account needs a second factor; use an API token instead`;
      throw new SessionError("SESSION_SECOND_FACTOR", message);
    }
    return { timestamp: clock.nowSec(), ticket, token };
  }
}

/** Encodes what the official client encodes in a cookie (spec auth.md §5). */
function encodeTicket(ticket: string): string {
  return ticket.replace(/[\p{Cc} "#<>`?{};,%]|[^\0-\x7f]/gu, encodeURIComponent);
}

/** The server percent-decodes a token's secret (spec auth.md §6). */
function encodeSecret(secret: string): string {
  return secret.replace(/[^A-Za-z0-9_.~!*'()-]/g, encodeURIComponent);
}

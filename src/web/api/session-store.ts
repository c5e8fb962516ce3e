import { systemClock } from "../../format/clock.ts";
import { IDLE_MS_MAX, idleMs, watchActivity } from "./activity.ts";
import { apiSend, ApiFailure, apiUrl, setCsrfToken, setExpiryHandler } from "./api-call.ts";

/** Why somebody who was logged in is not any more: the server does not know the login, or nobody was there for too long. */
export type LeaveReason = "expired" | "idle";

/** Who is using the page. */
export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "out"; readonly reason?: LeaveReason }
  | { readonly kind: "in"; readonly user: string };

/** Answer to a login: done, or the server wants a second proof. */
export type LoginStep =
  | { readonly kind: "done" }
  | {
      readonly kind: "second-factor";
      readonly challenge: string;
      readonly kinds: readonly string[];
    };

interface TicketReply {
  readonly username: string;
  /** Absent when the server keeps it in a cookie that scripts cannot read. */
  readonly ticket?: string;
  readonly CSRFPreventionToken: string;
}

const COOKIE = "PBSAuthCookie";
const USER_ITEM = "amber.user";

/** Milliseconds between renewals while somebody is there; a ticket lasts two hours (docs/protocol/auth.md). */
const RENEW_MS = 15 * 60_000;

/** Milliseconds between two looks at whether somebody is there. */
const LOOK_MS = 15_000;

let state: SessionState = { kind: "unknown" };
let looking: ReturnType<typeof setInterval> | undefined;
let stopWatching: (() => void) | undefined;
let renewedMs = 0;
const listeners = new Set<() => void>();

/** Calls `listener` whenever the state changed; gives the function that ends that. */
export function subscribeSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** The state now. */
export function sessionState(): SessionState {
  return state;
}

/** The user who is logged in; empty when nobody is. */
export function ownUser(): string {
  return state.kind === "in" ? state.user : "";
}

/** Name of the last user who logged in here. */
export function lastUser(): string | undefined {
  return localStorage.getItem(USER_ITEM) ?? undefined;
}

/** Takes up a login of before a reload; without one, the state becomes `out`. */
export async function resumeSession(): Promise<void> {
  const user = lastUser();
  const ticket = cookieTicket();
  if (user === undefined) {
    become({ kind: "out" });
    return;
  }
  try {
    enter(await renewWith(user, ticket));
  } catch (error) {
    const hasExpired = ticket !== undefined && isRefusal(error);
    become(hasExpired ? { kind: "out", reason: "expired" } : { kind: "out" });
  }
}

/**
 * First step of a login.
 *
 * @throws {ApiFailure} 401 when anything about it is wrong.
 */
export async function logIn(user: string, password: string): Promise<LoginStep> {
  const reply = await requestTicket({ username: user, password, "http-only": true });
  const factors = secondFactors(reply.ticket);
  if (factors && reply.ticket !== undefined) {
    return { kind: "second-factor", challenge: reply.ticket, kinds: factors };
  }
  enter(reply);
  return { kind: "done" };
}

/**
 * Second step of a login.
 *
 * @param proof For example `totp:123456`.
 * @throws {ApiFailure} 401 when it is wrong.
 */
export async function proveSecondFactor(
  user: string,
  challenge: string,
  proof: string,
): Promise<void> {
  enter(
    await requestTicket({
      username: user,
      password: proof,
      "tfa-challenge": challenge,
      "http-only": true,
    }),
  );
}

/** Forgets the login, here and in the cookie. */
export async function logOut(): Promise<void> {
  await apiSend("DELETE", "/access/ticket").catch(() => undefined);
  leave();
}

setExpiryHandler((method) => {
  if (state.kind !== "in") return;
  // A change is also refused so when the person's own password, given once more, was wrong.
  if (method === "GET") leave("expired");
  else void leaveIfUnknown();
});

function enter(reply: TicketReply): void {
  if (reply.ticket !== undefined) {
    document.cookie = `${COOKIE}=${encodeURIComponent(reply.ticket)}; Path=/; Secure; SameSite=Strict`;
  }
  setCsrfToken(reply.CSRFPreventionToken);
  localStorage.setItem(USER_ITEM, reply.username);
  renewedMs = systemClock.nowMs();
  stopWatching ??= watchActivity();
  looking ??= setInterval(look, LOOK_MS);
  become({ kind: "in", user: reply.username });
}

function leave(reason?: LeaveReason): void {
  clearInterval(looking);
  stopWatching?.();
  looking = stopWatching = undefined;
  setCsrfToken(undefined);
  document.cookie = `${COOKIE}=; Path=/; Secure; SameSite=Strict; Max-Age=0`;
  become(reason === undefined ? { kind: "out" } : { kind: "out", reason });
}

/** Ends a login that nobody uses; renews one that somebody does. */
function look(): void {
  const nowMs = systemClock.nowMs();
  const idle = idleMs(nowMs);
  if (idle >= IDLE_MS_MAX) {
    leave("idle");
  } else if (idle < RENEW_MS && nowMs - renewedMs >= RENEW_MS) {
    renewedMs = nowMs;
    renewWith(ownUser(), cookieTicket()).then(enter, (error: unknown) => {
      // A server that cannot be reached at the moment does not end a login.
      if (isRefusal(error)) leave("expired");
    });
  }
}

async function leaveIfUnknown(): Promise<void> {
  const answer = await fetch(apiUrl("/version")).catch(() => undefined);
  if (answer?.status === 401 && state.kind === "in") leave("expired");
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiFailure && error.status === 401;
}

function become(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}

/** A ticket is as good as the password; where scripts cannot see it, the cookie itself goes along. */
async function renewWith(username: string, ticket: string | undefined): Promise<TicketReply> {
  if (ticket === undefined) throw new ApiFailure(401, "");
  return await requestTicket({ username, password: ticket, "http-only": true });
}

async function requestTicket(
  parameters: Readonly<Record<string, string | boolean>>,
): Promise<TicketReply> {
  return await apiSend<TicketReply>("POST", "/access/ticket", parameters);
}

function cookieTicket(): string | undefined {
  const part = document.cookie.split("; ").find((each) => each.startsWith(`${COOKIE}=`));
  return part === undefined ? undefined : decodeURIComponent(part.slice(COOKIE.length + 1));
}

/** Kinds of second proof that a partial ticket asks for; `undefined` for a whole ticket. */
function secondFactors(ticket: string | undefined): readonly string[] | undefined {
  const match = /^PBS:!tfa!(.*?):[0-9A-Fa-f]+:/.exec(ticket ?? "");
  if (!match) return undefined;
  const challenge: unknown = JSON.parse(decodeURIComponent(match[1] ?? "{}"));
  return typeof challenge === "object" && challenge !== null ? Object.keys(challenge) : [];
}

import { apiSend, ApiFailure, setCsrfToken, setExpiryHandler } from "./api-call.ts";

/** Who is using the page. */
export type SessionState =
  | { readonly kind: "unknown" }
  | { readonly kind: "out"; readonly reason?: "expired" }
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

/** Milliseconds between renewals; a ticket lasts two hours (docs/protocol/auth.md). */
const RENEW_MS = 15 * 60_000;

let state: SessionState = { kind: "unknown" };
let renewal: ReturnType<typeof setInterval> | undefined;
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
  } catch {
    become({ kind: "out" });
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

setExpiryHandler(() => {
  if (state.kind === "in") leave("expired");
});

function enter(reply: TicketReply): void {
  if (reply.ticket !== undefined) {
    document.cookie = `${COOKIE}=${encodeURIComponent(reply.ticket)}; Path=/; Secure; SameSite=Strict`;
  }
  setCsrfToken(reply.CSRFPreventionToken);
  localStorage.setItem(USER_ITEM, reply.username);
  clearInterval(renewal);
  renewal = setInterval(() => {
    renewWith(reply.username, cookieTicket()).then(enter, leaveIfRefused);
  }, RENEW_MS);
  become({ kind: "in", user: reply.username });
}

function leave(reason?: "expired"): void {
  clearInterval(renewal);
  setCsrfToken(undefined);
  document.cookie = `${COOKIE}=; Path=/; Secure; SameSite=Strict; Max-Age=0`;
  become(reason === undefined ? { kind: "out" } : { kind: "out", reason });
}

/** A server that cannot be reached at the moment does not end a login. */
function leaveIfRefused(error: unknown): void {
  if (error instanceof ApiFailure && error.status === 401) leave("expired");
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

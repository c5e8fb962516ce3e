import { FormatError } from "../format-error.ts";
import { isSafeId, quoted } from "./safe-id.ts";

/** A user, `name@realm`. */
export type UserId = string & { readonly __brand: "UserId" };

/** Who may log in: a user, or an API token of one, `name@realm!token`. */
export type AuthId = string & { readonly __brand: "AuthId" };

/** The parts of an {@link AuthId}. */
export interface AuthIdParts {
  readonly user: UserId;
  /** Name of the API token; absent for the user itself. */
  readonly token?: string;
}

const USER_NAME = /^[^\s:/\p{Cc}]+$/u;
const ID_BYTES_MIN = 3;
const ID_BYTES_MAX = 64;

/**
 * Parses `name@realm`; the realm stands behind the last `@` (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseUserId(text: string): UserId {
  const at = text.lastIndexOf("@");
  const isUser =
    hasIdLength(text) &&
    USER_NAME.test(text.slice(0, Math.max(0, at))) &&
    isSafeId(text.slice(at + 1), { min: 2, max: 32 });
  if (!isUser) throw new FormatError("FORMAT_INVALID", "user id", quoted(text));
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, after the check
  return text as UserId;
}

/**
 * Parses `name@realm` or `name@realm!token` (spec datastore.md §2).
 *
 * @throws {FormatError} `FORMAT_INVALID`.
 */
export function parseAuthId(text: string): AuthId {
  const { mark, at } = splitPoint(text);
  if (mark < 0) return asAuthId(parseUserId(text));
  const isToken = hasIdLength(text) && at >= 0 && isSafeId(text.slice(mark + 1), tokenBounds);
  if (!isToken) throw new FormatError("FORMAT_INVALID", "auth id", quoted(text));
  parseUserId(text.slice(0, mark));
  return asAuthId(text);
}

/** Takes an {@link AuthId} apart. */
export function authIdParts(authId: AuthId): AuthIdParts {
  const { mark } = splitPoint(authId);
  if (mark < 0) return { user: parseUserId(authId) };
  return { user: parseUserId(authId.slice(0, mark)), token: authId.slice(mark + 1) };
}

/**
 * Whether `requester` may act as the owner of a group: it is the owner, or the user whose token is.
 *
 * A token does not own what its user owns (spec datastore.md §3.1).
 */
export function isOwnedBy(owner: AuthId, requester: AuthId): boolean {
  if (owner === requester) return true;
  const { user, token } = authIdParts(owner);
  return token !== undefined && asAuthId(user) === requester;
}

/** The 3 characters that new tokens must have are checked where tokens are made: `bob@pbs!ci` is valid (spec auth.md §11.1). */
const tokenBounds = { min: 1, max: 64 };

/** A `!` splits a token off only if it stands behind the last `@`: names of users may contain both. */
function splitPoint(text: string): { mark: number; at: number } {
  const at = text.lastIndexOf("@");
  const mark = text.lastIndexOf("!");
  return { mark: mark > at ? mark : -1, at };
}

function hasIdLength(text: string): boolean {
  const size = new TextEncoder().encode(text).length;
  return size >= ID_BYTES_MIN && size <= ID_BYTES_MAX;
}

function asAuthId(text: string): AuthId {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the brand is made here, of checked text
  return text as AuthId;
}

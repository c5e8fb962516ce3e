import { FormatError } from "../../format/format-error.ts";
import { authIdParts, parseAuthId, type AuthId } from "../../format/snapshot/auth-id.ts";

/** The superuser: every privilege everywhere, by name (spec auth.md §2). */
export const ROOT_USER: AuthId = parseAuthId("root@pam");

/** Like `parseAuthId`; `undefined` instead of an error. */
export function tryParseAuthId(text: string): AuthId | undefined {
  try {
    return parseAuthId(text);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** The user behind a token; a user is its own. */
export function userOf(id: AuthId): AuthId {
  return parseAuthId(authIdParts(id).user);
}

/** Name of the token, `undefined` for a plain user. */
export function tokenNameOf(id: AuthId): string | undefined {
  return authIdParts(id).token;
}

/** Whether this is a token. */
export function isToken(id: AuthId): boolean {
  return tokenNameOf(id) !== undefined;
}

/**
 * Token of a user.
 *
 * @throws {FormatError} `FORMAT_INVALID` when the two are too long together.
 */
export function tokenOf(user: AuthId, name: string): AuthId {
  return parseAuthId(`${user}!${name}`);
}

/** Part of a plain user before the last `@`, the key in `shadow.json`. */
export function userNameOf(user: AuthId): string {
  return user.slice(0, user.lastIndexOf("@"));
}

/** Part of a plain user after the last `@`. */
export function realmOf(user: AuthId): string {
  return user.slice(user.lastIndexOf("@") + 1);
}

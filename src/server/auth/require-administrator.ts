import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { refused } from "../http/api-error.ts";
import { type AccessControl } from "./access-control.ts";
import { type Accounts } from "./accounts.ts";
import { realmOf, ROOT_USER } from "./auth-id.ts";

/** Who there is, and what they may do. */
export interface AccountsAndAccess {
  readonly accounts: Accounts;
  readonly access: AccessControl;
}

/**
 * Demands that somebody can administer without one user, lest a server locks everybody out.
 *
 * @param without `undefined` to count everybody.
 * @throws {ApiError} `API_REFUSED`.
 */
export function requireAdministrator(
  { accounts, access }: AccountsAndAccess,
  without?: AuthId,
): void {
  const isThere = accounts
    .users()
    .some(({ id }) => id !== without && isAdministrator({ accounts, access }, id));
  if (isThere) return;
  throw refused(
    "this would leave nobody who can administer: give another user with a password the role Admin on '/' first",
  );
}

/**
 * Whether a user can log in, make users and give roles: it is active, has a password here or in the system, and
 * Permissions.Modify on `/`. `root@pam` counts when it has a password of this server: the system need not let it in.
 */
export function isAdministrator({ accounts, access }: AccountsAndAccess, id: AuthId): boolean {
  const hasPassword =
    accounts.passwordHash(id) !== undefined || (realmOf(id) === "pam" && id !== ROOT_USER);
  return hasPassword && accounts.isActive(id) && access.hasAny(id, "/", ["Permissions.Modify"]);
}

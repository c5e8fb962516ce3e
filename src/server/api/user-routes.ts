import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AccessControl } from "../auth/access-control.ts";
import { type Account, type Accounts } from "../auth/accounts.ts";
import { type AuthId, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { isToken, realmOf, ROOT_USER } from "../auth/auth-id.ts";
import { type Authenticator } from "../auth/authenticator.ts";
import { type FactorLocks, type SecondFactors } from "../auth/second-factors.ts";
import { isAdministrator, requireAdministrator } from "../auth/require-administrator.ts";
import { hashPassword } from "../auth/password-hash.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import {
  optionalComment,
  optionalConfigDigest,
  optionalFlag,
  userIdSchema,
} from "../http/parameter-schema.ts";
import { peerOf } from "../http/peer-of.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";

/** What the user and token routes work on. */
export interface AccountRouteOptions {
  readonly accounts: Accounts;
  readonly access: AccessControl;
  readonly authenticator: Authenticator;
  readonly factors: SecondFactors;
}

const shortName = Type.Optional(
  Type.String({ minLength: 2, maxLength: 64, pattern: "^[^\\n\\r\\t]*$" }),
);
const password = Type.String({ minLength: 8, maxLength: 64, pattern: "^[^\\n\\r\\t]*$" });
const deletable = ["comment", "firstname", "lastname", "email"] as const;

const userDetails = {
  comment: optionalComment,
  enable: optionalFlag,
  expire: Type.Optional(Type.Integer({ minimum: 0 })),
  firstname: shortName,
  lastname: shortName,
  email: shortName,
};

const accountReply = {
  enable: Type.Optional(Type.Boolean()),
  expire: Type.Optional(Type.Integer()),
  comment: Type.Optional(Type.String()),
};

const userReply = Type.Object({
  userid: Type.String(),
  ...accountReply,
  firstname: Type.Optional(Type.String()),
  lastname: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  tokens: Type.Optional(Type.Array(Type.Object({ tokenid: Type.String(), ...accountReply }))),
  "totp-locked": Type.Optional(Type.Boolean()),
  "tfa-locked-until": Type.Optional(Type.Integer()),
});

/** `/access/users` and `/access/password` (spec rest-api.md §4). */
export function addUserRoutes(api: FastifyInstance, options: AccountRouteOptions): void {
  const { accounts, access } = options;
  const requireModify = (caller: AuthId): void => {
    access.require(caller, "/access/users", ["Permissions.Modify"]);
  };
  addRoute(api, {
    method: "GET",
    path: "/access/users",
    description: "Users; without privilege only the caller.",
    permit: decidedInside("Sys.Audit on `/access/users` for all users; every login for itself."),
    parameters: Type.Object({ include_tokens: optionalFlag }),
    reply: Type.Array(userReply),
    handle: ({ include_tokens: includeTokens }, { caller }) => {
      const seesAll = access.hasAny(caller, "/access/users", ["Sys.Audit"]);
      const users = accounts.users().filter((user) => seesAll || user.id === caller);
      const list = users.map((user) => {
        const tokens = includeTokens === true ? accounts.tokens(user.id).map(tokenReply) : [];
        const locks = locksReply(options.factors.locks(user.id));
        return { ...userReplyOf(user), ...(tokens.length > 0 ? { tokens } : {}), ...locks };
      });
      return new WithAttributes(list, { digest: accounts.digest });
    },
  });
  addRoute(api, {
    method: "POST",
    path: "/access/users",
    description: "Makes a user.",
    permit: needs("/access/users", "Permissions.Modify"),
    parameters: Type.Object({
      userid: userIdSchema,
      password: Type.Optional(password),
      ...userDetails,
    }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      const id = parseAuthId(parameters.userid);
      if (parameters.password !== undefined) requirePasswordHere(caller, id);
      if (accounts.get(id)) throw refused(`user '${id}' already exists.`);
      requireKnownRealm(id);
      await accounts.put(accountOf(id, parameters));
      if (parameters.password !== undefined) {
        await accounts.setPasswordHash(id, await hashPassword(parameters.password));
      }
      return null;
    },
  });
  addRoute(api, {
    method: "GET",
    path: "/access/users/:userid",
    description: "One user.",
    permit: decidedInside("Sys.Audit on `/access/users`, or the user itself."),
    parameters: Type.Object({ userid: userIdSchema }),
    reply: userReply,
    handle: ({ userid }, { caller }) => {
      if (caller !== userid) access.require(caller, "/access/users", ["Sys.Audit"]);
      const user = findUser(accounts, userid);
      return new WithAttributes(userReplyOf(user), { digest: accounts.digest });
    },
  });
  addRoute(api, {
    method: "PUT",
    path: "/access/users/:userid",
    description: "Changes a user.",
    permit: decidedInside(
      "Permissions.Modify on `/access/users`, or the user itself for anything but `enable` and `expire`; a password also what `PUT /access/password` needs for others.",
    ),
    parameters: Type.Object({
      userid: userIdSchema,
      password: Type.Optional(password),
      ...userDetails,
      delete: Type.Optional(Type.Array(Type.Enum([...deletable]))),
      digest: optionalConfigDigest,
    }),
    reply: Type.Null(),
    handle: async (parameters, { caller }) => {
      // What an administrator limits, the limited must not widen.
      const isLimit = parameters.enable !== undefined || parameters.expire !== undefined;
      if (caller !== parameters.userid || isLimit) requireModify(caller);
      if (parameters.password !== undefined) requireSetPassword(access, caller, parameters.userid);
      const user = findUser(accounts, parameters.userid);
      requireConfigDigest(accounts.digest, parameters.digest);
      const changed = changedAccount(user, parameters, parameters.delete ?? []);
      if (!accounts.couldBeUsed(changed)) requireOthers(options, caller, user.id);
      await accounts.put(changed);
      if (parameters.password !== undefined) {
        await accounts.setPasswordHash(user.id, await hashPassword(parameters.password));
      }
      return null;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/access/users/:userid",
    description: "Removes a user with its password, tokens and roles.",
    permit: needs("/access/users", "Permissions.Modify"),
    parameters: Type.Object({ userid: userIdSchema, digest: optionalConfigDigest }),
    reply: Type.Null(),
    handle: async ({ userid, digest }, { caller }) => {
      const user = findUser(accounts, userid);
      if (user.id === ROOT_USER) throw refused("unable to remove the superuser");
      requireConfigDigest(accounts.digest, digest);
      requireOthers(options, caller, user.id);
      const gone = [user.id, ...accounts.tokens(user.id).map((token) => token.id)];
      await accounts.delete(user.id);
      await options.factors.removeUser(user.id);
      await access.update((tree) => {
        for (const id of gone) tree.deleteAuthId(id);
      });
      return null;
    },
  });
  addPasswordRoute(api, options);
}

function addPasswordRoute(
  api: FastifyInstance,
  { accounts, access, authenticator }: AccountRouteOptions,
): void {
  addRoute(api, {
    method: "PUT",
    path: "/access/password",
    description: "Changes a password; the caller gives its own once more.",
    permit: decidedInside(
      "The user itself, or Permissions.Modify on `/`; for users of realm pam only the superuser; never a token.",
    ),
    parameters: Type.Object({
      userid: userIdSchema,
      password,
      "confirmation-password": Type.Optional(Type.String({ maxLength: 1024 })),
    }),
    reply: Type.Null(),
    handle: async ({ userid, password: newPassword, ...given }, { caller, request }) => {
      if (isToken(caller)) throw refused("API tokens cannot access this API endpoint");
      if (caller !== ROOT_USER) {
        await authenticator.confirm(caller, given["confirmation-password"], peerOf(request));
      }
      if (caller !== userid) requireSetPassword(access, caller, userid);
      const user = findUser(accounts, userid);
      await accounts.setPasswordHash(user.id, await hashPassword(newPassword));
      return null;
    },
  });
}

/**
 * Demands what it takes to set somebody else's password (spec rest-api.md §4, auth.md §6).
 *
 * A token never may: it could become the user, and leave its own limits behind.
 */
function requireSetPassword(access: AccessControl, caller: AuthId, userid: string): void {
  if (isToken(caller)) throw refused("API tokens cannot access this API endpoint");
  requirePasswordHere(caller, parseAuthId(userid));
  access.require(caller, "/", ["Permissions.Modify"]);
}

/** Keeps the last administrator, unless it is `root@pam` who does it: that one is administrator always. */
function requireOthers(options: AccountRouteOptions, caller: AuthId, user: AuthId): void {
  if (caller !== ROOT_USER && isAdministrator(options, user)) requireAdministrator(options, user);
}

/** Users of realm pam include the superuser, so only the superuser gives them passwords of this server. */
function requirePasswordHere(caller: AuthId, user: AuthId): void {
  if (realmOf(user) === "pam" && caller !== ROOT_USER) {
    throw new ApiError("API_FORBIDDEN", "only root@pam sets passwords of realm pam");
  }
}

/** A user that exists. */
export function findUser(accounts: Accounts, userid: string): Account {
  const user = accounts.get(parseAuthId(userid));
  if (!user) throw new ApiError("API_NOT_FOUND", `no such user '${userid}'`);
  return user;
}

/** An account as it appears in replies: what is unset is absent. */
export function detailsReply(account: Account): {
  enable?: boolean;
  expire?: number;
  comment?: string;
} {
  return {
    ...(account.isEnabled ? {} : { enable: false }),
    ...(account.expireSec === 0 ? {} : { expire: account.expireSec }),
    ...(account.comment === undefined ? {} : { comment: account.comment }),
  };
}

function tokenReply(token: Account): { tokenid: string } & ReturnType<typeof detailsReply> {
  return { tokenid: token.id, ...detailsReply(token) };
}

function locksReply({ totpLocked, lockedUntilSec }: FactorLocks): {
  "totp-locked"?: boolean;
  "tfa-locked-until"?: number;
} {
  return {
    ...(totpLocked ? { "totp-locked": true } : {}),
    ...(lockedUntilSec === undefined ? {} : { "tfa-locked-until": lockedUntilSec }),
  };
}

function userReplyOf(user: Account): Static<typeof userReply> {
  const reply: Static<typeof userReply> = { userid: user.id, ...detailsReply(user) };
  for (const name of ["firstname", "lastname", "email"] as const) {
    const value = user[name];
    if (value !== undefined) reply[name] = value;
  }
  return reply;
}

/** Details as parameters of a request. */
export interface DetailParameters {
  readonly comment?: string;
  readonly enable?: boolean;
  readonly expire?: number;
  readonly firstname?: string;
  readonly lastname?: string;
  readonly email?: string;
}

/** A new account with these details. */
export function accountOf(id: AuthId, details: DetailParameters): Account {
  return changedAccount({ id, isEnabled: true, expireSec: 0 }, details, []);
}

/** An account with some details replaced and some removed. */
export function changedAccount(
  account: Account,
  details: DetailParameters,
  removed: readonly (typeof deletable)[number][],
): Account {
  const changed: { -readonly [Key in keyof Account]: Account[Key] } = {
    ...account,
    isEnabled: details.enable ?? account.isEnabled,
    expireSec: details.expire ?? account.expireSec,
  };
  for (const name of deletable) {
    const value = details[name];
    if (value !== undefined) changed[name] = value;
    else if (removed.includes(name)) Reflect.deleteProperty(changed, name);
  }
  return changed;
}

function requireKnownRealm(id: AuthId): void {
  const realm = realmOf(id);
  if (realm !== "pbs" && realm !== "pam") throw refused(`realm '${realm}' does not exist`);
}

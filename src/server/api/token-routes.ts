import { randomUUID } from "node:crypto";

import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { type Account, type Accounts } from "../auth/accounts.ts";
import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { tokenNameOf, tokenOf } from "../auth/auth-id.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { requireConfigDigest } from "../http/config-digest.ts";
import {
  optionalComment,
  optionalConfigDigest,
  optionalFlag,
  tokenNameSchema,
  userIdSchema,
} from "../http/parameter-schema.ts";
import { decidedInside } from "../http/permission.ts";
import { addRoute, WithAttributes } from "../http/route.ts";
import {
  accountOf,
  changedAccount,
  detailsReply,
  findUser,
  type AccountRouteOptions,
} from "./user-routes.ts";

const tokenDetails = {
  comment: optionalComment,
  enable: optionalFlag,
  expire: Type.Optional(Type.Integer({ minimum: 0 })),
  digest: optionalConfigDigest,
};

const tokenParameters = { userid: userIdSchema, "token-name": tokenNameSchema };

const tokenReplySchema = Type.Object({
  tokenid: Type.String(),
  "token-name": Type.Optional(Type.String()),
  enable: Type.Optional(Type.Boolean()),
  expire: Type.Optional(Type.Integer()),
  comment: Type.Optional(Type.String()),
});

const TOKEN_PATH = "/access/users/:userid/token/:token_name";

/** `/access/users/{userid}/token` (spec rest-api.md §4). */
export function addTokenRoutes(api: FastifyInstance, options: AccountRouteOptions): void {
  const { accounts, access } = options;
  const requireModify = (caller: AuthId, user: string): void => {
    if (caller !== user) access.require(caller, "/access/users", ["Permissions.Modify"]);
  };
  const requireAudit = (caller: AuthId, user: string): void => {
    if (caller !== user) access.require(caller, "/access/users", ["Sys.Audit"]);
  };
  addRoute(api, {
    method: "GET",
    path: "/access/users/:userid/token",
    description: "Tokens of a user.",
    permit: decidedInside("Sys.Audit on `/access/users`, or the user itself."),
    parameters: Type.Object({ userid: userIdSchema }),
    reply: Type.Array(tokenReplySchema),
    handle: ({ userid }, { caller }) => {
      requireAudit(caller, userid);
      const user = findUser(accounts, userid);
      return new WithAttributes(accounts.tokens(user.id).map(tokenEntry), {
        digest: accounts.digest,
      });
    },
  });
  addRoute(api, {
    method: "GET",
    path: TOKEN_PATH,
    description: "One token.",
    permit: decidedInside("Sys.Audit on `/access/users`, or the user itself."),
    parameters: Type.Object(tokenParameters),
    reply: tokenReplySchema,
    handle: ({ userid, "token-name": name }, { caller }) => {
      requireAudit(caller, userid);
      const user = findUser(accounts, userid);
      const token = findToken(accounts, user.id, name);
      return new WithAttributes(tokenEntry(token), { digest: accounts.digest });
    },
  });
  addRoute(api, {
    method: "POST",
    path: TOKEN_PATH,
    description: "Makes a token; its secret is shown this once.",
    permit: decidedInside("Permissions.Modify on `/access/users`, or the user itself."),
    parameters: Type.Object({ ...tokenParameters, ...tokenDetails }),
    reply: Type.Object({ tokenid: Type.String(), value: Type.String() }),
    handle: async ({ userid, "token-name": name, digest, ...details }, { caller }) => {
      requireModify(caller, userid);
      const user = findUser(accounts, userid);
      requireConfigDigest(accounts.digest, digest);
      const id = tokenOf(user.id, name);
      if (accounts.get(id)) throw refused(`token '${name}' for user '${user.id}' already exists.`);
      const value = randomUUID();
      await accounts.setTokenSecret(id, value);
      await accounts.put(accountOf(id, details));
      return { tokenid: id, value };
    },
  });
  addRoute(api, {
    method: "PUT",
    path: TOKEN_PATH,
    description: "Changes a token.",
    permit: decidedInside(
      "Permissions.Modify on `/access/users`, or the user itself; to regenerate the secret of somebody else's token, Permissions.Modify on `/`.",
    ),
    parameters: Type.Object({
      ...tokenParameters,
      ...tokenDetails,
      regenerate: optionalFlag,
      delete: Type.Optional(Type.Array(Type.Enum(["comment"]))),
    }),
    reply: Type.Union([Type.Null(), Type.Object({ secret: Type.String() })]),
    handle: async (parameters, { caller }) => {
      if (parameters.regenerate === true && caller !== parameters.userid) {
        // As with a password: whoever knows the secret has the token's roles, on any path.
        access.require(caller, "/", ["Permissions.Modify"]);
      } else requireModify(caller, parameters.userid);
      const user = findUser(accounts, parameters.userid);
      requireConfigDigest(accounts.digest, parameters.digest);
      const token = findToken(accounts, user.id, parameters["token-name"]);
      const { comment, enable, expire } = parameters;
      const details = {
        ...(comment === undefined ? {} : { comment }),
        ...(enable === undefined ? {} : { enable }),
        ...(expire === undefined ? {} : { expire }),
      };
      await accounts.put(changedAccount(token, details, parameters.delete ?? []));
      if (parameters.regenerate !== true) return null;
      const secret = randomUUID();
      await accounts.setTokenSecret(token.id, secret);
      return { secret };
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: TOKEN_PATH,
    description: "Removes a token with its secret and roles.",
    permit: decidedInside("Permissions.Modify on `/access/users`, or the user itself."),
    parameters: Type.Object({ ...tokenParameters, digest: optionalConfigDigest }),
    reply: Type.Null(),
    handle: async ({ userid, "token-name": name, digest }, { caller }) => {
      requireModify(caller, userid);
      const user = findUser(accounts, userid);
      requireConfigDigest(accounts.digest, digest);
      const token = findToken(accounts, user.id, name);
      await accounts.delete(token.id);
      await access.update((tree) => {
        tree.deleteAuthId(token.id);
      });
      return null;
    },
  });
}

function findToken(accounts: Accounts, user: AuthId, name: string): Account {
  const token = accounts.get(tokenOf(user, name));
  if (!token) throw new ApiError("API_NOT_FOUND", `no such token '${user}!${name}'`);
  return token;
}

function tokenEntry(
  token: Account,
): { tokenid: string; "token-name": string } & ReturnType<typeof detailsReply> {
  return { tokenid: token.id, "token-name": tokenNameOf(token.id) ?? "", ...detailsReply(token) };
}

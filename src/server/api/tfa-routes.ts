import { type FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";

import { type AuthId, parseAuthId } from "../../format/snapshot/auth-id.ts";
import { type AccessControl } from "../auth/access-control.ts";
import { type Accounts } from "../auth/accounts.ts";
import { isToken, ROOT_USER } from "../auth/auth-id.ts";
import { type Authenticator } from "../auth/authenticator.ts";
import { type FactorEntry, RECOVERY_ID, type SecondFactors } from "../auth/second-factors.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { optionalFlag, singleLineComment, userIdSchema } from "../http/parameter-schema.ts";
import { peerOf } from "../http/peer-of.ts";
import { decidedInside, needs } from "../http/permission.ts";
import { addRoute, type Call } from "../http/route.ts";
import { findUser } from "./user-routes.ts";

/** What the routes of second factors work on. */
export interface TfaRouteOptions {
  readonly accounts: Accounts;
  readonly access: AccessControl;
  readonly authenticator: Authenticator;
  readonly factors: SecondFactors;
}

const entryReply = Type.Object({
  id: Type.String(),
  type: Type.String(),
  description: Type.String(),
  created: Type.Integer(),
  enable: Type.Boolean(),
});

const userReply = Type.Object({
  userid: Type.String(),
  "totp-locked": Type.Boolean(),
  "tfa-locked-until": Type.Optional(Type.Integer()),
  entries: Type.Array(entryReply),
});

const factorId = Type.String({ minLength: 1, maxLength: 128, description: "Id of the factor." });
const ownPassword = Type.Optional(
  Type.String({ maxLength: 1024, description: "Present password of the caller." }),
);
const description = Type.Optional(singleLineComment);

const USER_PATH = "/access/tfa/:userid";
const ENTRY_PATH = "/access/tfa/:userid/:id";

const selfOrModify = decidedInside(
  "The user itself, or Permissions.Modify on `/access/users`; never a token. Changes need the caller's password once more.",
);
const selfOrAudit = decidedInside(
  "Sys.Audit or Permissions.Modify on `/access/users`, or the user itself.",
);

/** `/access/tfa`: time-based codes and recovery keys (spec rest-api.md §4, auth.md §3.5). */
export function addTfaRoutes(api: FastifyInstance, options: TfaRouteOptions): void {
  addReadRoutes(api, options);
  addChangeRoutes(api, options);
  addRoute(api, {
    method: "PUT",
    path: "/access/users/:userid/unlock-tfa",
    description: "Takes the locks of a user's second factor away; says whether there were any.",
    permit: needs("/access/users", "Permissions.Modify"),
    parameters: Type.Object({ userid: userIdSchema }),
    reply: Type.Boolean(),
    handle: async ({ userid }) =>
      await options.factors.unlock(findUser(options.accounts, userid).id),
  });
}

function addReadRoutes(api: FastifyInstance, { accounts, access, factors }: TfaRouteOptions): void {
  const seesAll = (caller: AuthId): boolean =>
    access.hasAny(caller, "/access/users", ["Sys.Audit", "Permissions.Modify"]);
  const requireRead = (caller: AuthId, userid: string): AuthId => {
    if (caller !== userid && !seesAll(caller)) throw forbidden();
    return findUser(accounts, userid).id;
  };
  addRoute(api, {
    method: "GET",
    path: "/access/tfa",
    description: "Users with a second factor; without privilege only the caller.",
    permit: decidedInside(
      "Sys.Audit or Permissions.Modify on `/access/users` for all users; every login for itself.",
    ),
    parameters: Type.Object({}),
    reply: Type.Array(userReply),
    handle: (_parameters, { caller }) =>
      factors
        .users()
        .filter((user) => user === caller || seesAll(caller))
        .map((user) => userEntry(factors, user)),
  });
  addRoute(api, {
    method: "GET",
    path: USER_PATH,
    description: "Second factors of a user.",
    permit: selfOrAudit,
    parameters: Type.Object({ userid: userIdSchema }),
    reply: Type.Array(entryReply),
    handle: ({ userid }, { caller }) => [...factors.list(requireRead(caller, userid))],
  });
  addRoute(api, {
    method: "GET",
    path: ENTRY_PATH,
    description: "One second factor.",
    permit: selfOrAudit,
    parameters: Type.Object({ userid: userIdSchema, id: factorId }),
    reply: entryReply,
    handle: ({ userid, id }, { caller }) => {
      const user = requireRead(caller, userid);
      const entry = factors.list(user).find((each) => each.id === id);
      if (!entry) throw noSuchFactor(user, id);
      return entry;
    },
  });
}

function addChangeRoutes(api: FastifyInstance, options: TfaRouteOptions): void {
  const { factors } = options;
  addRoute(api, {
    method: "POST",
    path: USER_PATH,
    description:
      "Adds a second factor: a generator of codes, or recovery keys, which are shown this once.",
    permit: selfOrModify,
    parameters: Type.Object({
      userid: userIdSchema,
      type: Type.Enum(["totp", "recovery"], { description: "Kind of the factor." }),
      description,
      totp: Type.Optional(
        Type.String({
          maxLength: 1024,
          description: "Address `otpauth://totp/…` of the generator.",
        }),
      ),
      value: Type.Optional(
        Type.String({ maxLength: 64, description: "A code that the generator shows now." }),
      ),
      password: ownPassword,
    }),
    reply: Type.Object({
      id: Type.String(),
      recovery: Type.Optional(Type.Array(Type.String())),
    }),
    handle: async ({ userid, password, type, totp, value, ...given }, call) => {
      const user = await requireChange(options, call, { userid, password });
      if (type === "recovery") {
        const recovery = await factors.addRecovery(user);
        if (!recovery) throw refused(`user '${user}' already has recovery keys`);
        return { id: RECOVERY_ID, recovery: [...recovery] };
      }
      if (totp === undefined) throw refused("missing 'totp' parameter");
      if (value === undefined) throw refused("missing 'value' parameter");
      const details = { description: given.description ?? "", address: totp, code: value };
      const id = await factors.addTotp(user, details);
      if (id === undefined) throw refused("failed to verify TOTP challenge");
      return { id };
    },
  });
  addRoute(api, {
    method: "PUT",
    path: ENTRY_PATH,
    description: "Changes a second factor.",
    permit: selfOrModify,
    parameters: Type.Object({
      userid: userIdSchema,
      id: factorId,
      description,
      enable: optionalFlag,
      password: ownPassword,
    }),
    reply: Type.Null(),
    handle: async ({ userid, password, id, description: text, enable }, call) => {
      const user = await requireChange(options, call, { userid, password });
      const changes = {
        ...(text === undefined ? {} : { description: text }),
        ...(enable === undefined ? {} : { enable }),
      };
      if (!(await factors.change(user, id, changes))) throw noSuchFactor(user, id);
      return null;
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: ENTRY_PATH,
    description: "Removes a second factor.",
    permit: selfOrModify,
    parameters: Type.Object({ userid: userIdSchema, id: factorId, password: ownPassword }),
    reply: Type.Null(),
    handle: async ({ userid, password, id }, call) => {
      const user = await requireChange(options, call, { userid, password });
      if (!(await factors.remove(user, id))) throw noSuchFactor(user, id);
      return null;
    },
  });
}

/** Checks who changes whose factors; a stolen ticket is not enough. */
async function requireChange(
  { accounts, access, authenticator }: TfaRouteOptions,
  { caller, request }: Call,
  { userid, password }: { readonly userid: string; readonly password: string | undefined },
): Promise<AuthId> {
  if (isToken(caller)) throw refused("API tokens cannot access this API endpoint");
  const isSelf = caller === userid;
  const mayModify = access.hasAny(caller, "/access/users", ["Permissions.Modify"]);
  // Nobody but the superuser touches its factors: without them its password would be worth more.
  if (!isSelf && (!mayModify || parseAuthId(userid) === ROOT_USER)) throw forbidden();
  const user = findUser(accounts, userid).id;
  if (caller !== ROOT_USER) await authenticator.confirm(caller, password, peerOf(request));
  return user;
}

function userEntry(factors: SecondFactors, user: AuthId): Static<typeof userReply> {
  const { totpLocked, lockedUntilSec } = factors.locks(user);
  return {
    userid: user,
    "totp-locked": totpLocked,
    ...(lockedUntilSec === undefined ? {} : { "tfa-locked-until": lockedUntilSec }),
    entries: factors.list(user).map((entry: FactorEntry) => ({ ...entry })),
  };
}

function noSuchFactor(user: AuthId, id: string): ApiError {
  return new ApiError("API_NOT_FOUND", `no such tfa entry '${user}/${id}'`);
}

function forbidden(): ApiError {
  return new ApiError("API_FORBIDDEN", "permission check failed");
}

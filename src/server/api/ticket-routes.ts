import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { parseAuthId } from "../../format/snapshot/auth-id.ts";
import { type Authenticator } from "../auth/authenticator.ts";
import { ApiError } from "../http/api-error.ts";
import { userIdSchema } from "../http/parameter-schema.ts";
import { peerOf } from "../http/peer-of.ts";
import { forTheWorld } from "../http/permission.ts";
import { addRoute } from "../http/route.ts";

const ticketParameters = Type.Object({
  username: userIdSchema,
  password: Type.String({ minLength: 1, maxLength: 1024 }),
  "tfa-challenge": Type.Optional(Type.String({ maxLength: 4096 })),
  "http-only": Type.Optional(Type.Boolean()),
  path: Type.Optional(Type.String()),
  privs: Type.Optional(Type.String()),
  port: Type.Optional(Type.Integer()),
});

const ticketReply = Type.Object({
  username: Type.String(),
  ticket: Type.String(),
  CSRFPreventionToken: Type.String(),
});

/** `POST` and `DELETE /access/ticket` (spec auth.md §3). */
export function addTicketRoutes(api: FastifyInstance, authenticator: Authenticator): void {
  addRoute(api, {
    method: "POST",
    path: "/access/ticket",
    description:
      "Logs a user in, in two steps for one with a second factor, or renews a login when the password is its ticket.",
    permit: forTheWorld,
    parameters: ticketParameters,
    reply: ticketReply,
    handle: async ({ username, password, ...rest }, { request }) => {
      if (rest.path !== undefined) {
        throw new ApiError("API_UNAUTHENTICATED", "permission check failed.");
      }
      return await authenticator.login({
        user: parseAuthId(username),
        password,
        challenge: rest["tfa-challenge"],
        peer: peerOf(request),
      });
    },
  });
  addRoute(api, {
    method: "DELETE",
    path: "/access/ticket",
    description: "Ends a login of a browser: its cookie expires.",
    permit: forTheWorld,
    parameters: Type.Object({}),
    reply: Type.Object({}),
    handle: (_parameters, { reply }) => {
      reply.header(
        "set-cookie",
        "__Host-PBSAuthCookie=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Lax; HttpOnly; Path=/;",
      );
      return {};
    },
  });
}

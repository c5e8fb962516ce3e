import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { openApiDocument } from "../http/openapi-document.ts";
import { anyLogin } from "../http/permission.ts";
import { addRoute, RawReply } from "../http/route.ts";
import { type Product } from "./version-routes.ts";

/**
 * `GET /amber/openapi`: the documentation of the API itself, without the envelope of other replies.
 *
 * Below `/amber` lies what the genuine API does not have.
 */
export function addDocumentationRoutes(api: FastifyInstance, { version }: Product): void {
  addRoute(api, {
    method: "GET",
    path: "/amber/openapi",
    description: "This document.",
    permit: anyLogin,
    produces: "application/json",
    parameters: Type.Object({}),
    reply: Type.Null(),
    handle: () => {
      const text = JSON.stringify(openApiDocument(api.routeEnvironment.table, version), null, 2);
      return new RawReply(Buffer.from(`${text}\n`), { "content-type": "application/json" });
    },
  });
}

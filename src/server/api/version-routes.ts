import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { anyLogin, forTheWorld } from "../http/permission.ts";
import { EMULATED_VERSION } from "../../format/emulated-version.ts";
import { addRoute } from "../http/route.ts";

/** What this program is, for `repoid`. */
export interface Product {
  readonly name: string;
  readonly version: string;
}

/** `GET /version` and `GET /ping` (spec rest-api.md §3). */
export function addVersionRoutes(api: FastifyInstance, product: Product): void {
  addRoute(api, {
    method: "GET",
    path: "/version",
    description: "Release that the server behaves like, and what it is.",
    permit: anyLogin,
    parameters: Type.Object({}),
    reply: Type.Object({ version: Type.String(), release: Type.String(), repoid: Type.String() }),
    handle: () => ({ ...EMULATED_VERSION, repoid: `${product.name}-${product.version}` }),
  });
  addRoute(api, {
    method: "GET",
    path: "/ping",
    description: "Says that the server answers.",
    permit: forTheWorld,
    parameters: Type.Object({}),
    reply: Type.Object({ pong: Type.Boolean() }),
    handle: () => ({ pong: true }),
  });
}

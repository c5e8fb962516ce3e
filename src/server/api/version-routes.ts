import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { addRoute } from "../http/route.ts";

/**
 * Release whose behaviour this server has, in the two parts that peers parse and derive features from
 * (spec rest-api.md §3).
 */
export const EMULATED_VERSION: { readonly version: string; readonly release: string } = {
  version: "3.2",
  release: "4",
};

/** What this program is, for `repoid`. */
export interface Product {
  readonly name: string;
  readonly version: string;
}

/** `GET /version`, `GET /ping` and the root. */
export function addVersionRoutes(api: FastifyInstance, product: Product): void {
  addRoute(api, {
    method: "GET",
    path: "/version",
    parameters: Type.Object({}),
    reply: Type.Object({ version: Type.String(), release: Type.String(), repoid: Type.String() }),
    handle: () => ({ ...EMULATED_VERSION, repoid: `${product.name}-${product.version}` }),
  });
  addRoute(api, {
    method: "GET",
    path: "/ping",
    access: "world",
    parameters: Type.Object({}),
    reply: Type.Object({ pong: Type.Boolean() }),
    handle: () => ({ pong: true }),
  });
  const indexes: Readonly<Record<string, readonly string[]>> = {
    "/": ["access", "admin", "backup", "config", "nodes", "ping", "reader", "version"],
    "/admin": ["datastore"],
    "/nodes": ["localhost"],
    "/access": ["acl", "domains", "permissions", "roles", "ticket", "users"],
  };
  for (const [path, names] of Object.entries(indexes)) {
    addRoute(api, {
      method: "GET",
      path,
      parameters: Type.Object({}),
      reply: Type.Array(Type.Object({ subdir: Type.String() })),
      handle: () => names.map((subdir) => ({ subdir })),
    });
  }
}

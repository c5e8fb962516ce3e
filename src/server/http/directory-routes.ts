import { type FastifyInstance } from "fastify";
import { Type } from "typebox";

import { anyLogin } from "./permission.ts";
import { addRoute, type RouteDescription } from "./route.ts";

/**
 * Adds a listing `[{subdir}]` to every inner node of the API that has no method `GET` of its own (spec rest-api.md §3).
 *
 * Called once, when all routes are there. Names that are a parameter cannot be listed and are left out.
 */
export function addDirectoryRoutes(api: FastifyInstance): void {
  for (const [path, names] of innerNodes(api.routeEnvironment.table)) {
    const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => [
      name,
      Type.String({ minLength: 1, maxLength: 512, description: "Any name; it is not looked at." }),
    ]);
    addRoute(api, {
      method: "GET",
      path: path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => `:${name.replaceAll("-", "_")}`),
      description: "Names of what lies below.",
      permit: anyLogin,
      parameters: Type.Object(Object.fromEntries(parameters)),
      reply: Type.Array(Type.Object({ subdir: Type.String() })),
      handle: () => names.map((subdir) => ({ subdir })),
    });
  }
}

/** Paths without a method `GET` that others continue, and the names that follow; both sorted. */
function innerNodes(
  table: readonly RouteDescription[],
): readonly (readonly [path: string, names: readonly string[]])[] {
  const nodes = new Map<string, Set<string>>();
  for (const { path } of table) {
    const parts = path.split("/").filter((part) => part !== "");
    for (const [depth, name] of parts.entries()) {
      const parent = `/${parts.slice(0, depth).join("/")}`;
      const names = nodes.get(parent) ?? new Set<string>();
      nodes.set(parent, names);
      if (!name.startsWith("{")) names.add(name);
    }
  }
  const readable = new Set(table.filter(({ method }) => method === "GET").map(({ path }) => path));
  return [...nodes]
    .filter(([path]) => !readable.has(path))
    .map(([path, names]) => [path, [...names].sort()] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

import { type TSchema } from "typebox";

import { parameterDescriptions } from "./parameter-descriptions.ts";
import { permissionText } from "./permission.ts";
import { type RouteDescription } from "./route.ts";

/** A JSON object of the document. */
type Json = Readonly<Record<string, unknown>>;

/** The documentation of the API: an OpenAPI 3.1 document. */
export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: Json;
  readonly paths: Readonly<Record<string, Json>>;
  readonly [member: string]: unknown;
}

const CONVENTIONS = `Answers are \`{"data": …}\`; errors are plain text with a status. \`/api2/extjs\` is the same API with status 200 and
\`{"success", "status", "data" or "message" and "errors"}\`. Parameters come as JSON (then the query is not looked at), or as form
and query together; lists repeat their name there. \`digest\` guards a change against an older configuration, \`delete\` lists
properties to set back. \`GET /backup\` and \`GET /reader\` upgrade the connection to HTTP/2 sessions of their own.`;

/**
 * Describes every route of the API as an OpenAPI 3.1 document, from the schemas that requests and replies are held to.
 *
 * Members are sorted, so that two documents of the same routes are equal as text.
 *
 * @param version Of this program.
 */
export function openApiDocument(
  table: readonly RouteDescription[],
  version: string,
): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of [...table].sort(byPath)) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Amber REST API",
      version,
      description: CONVENTIONS,
      license: { name: "AGPL-3.0-or-later", identifier: "AGPL-3.0-or-later" },
    },
    servers: [{ url: "/api2/json" }],
    security: [{ token: [] }, { ticket: [], csrf: [] }],
    paths,
    components: { securitySchemes, responses },
  };
}

const securitySchemes = {
  token: {
    type: "apiKey",
    in: "header",
    name: "Authorization",
    description: "`PBSAPIToken=USER@REALM!NAME:SECRET`",
  },
  ticket: {
    type: "apiKey",
    in: "cookie",
    name: "PBSAuthCookie",
    description: "The ticket of `POST /access/ticket`.",
  },
  csrf: {
    type: "apiKey",
    in: "header",
    name: "CSRFPreventionToken",
    description: "Comes with the ticket; everything but GET needs it.",
  },
};

const responses = {
  refused: textResponse("Parameters that are not allowed, or not possible at present."),
  unauthenticated: textResponse("No login, or a wrong one; held back for some seconds."),
  forbidden: textResponse("A privilege is missing."),
  missing: textResponse("What the path or the parameters name does not exist."),
};

function textResponse(description: string): Json {
  return { description, content: { "text/plain": { schema: { type: "string" } } } };
}

function byPath(a: RouteDescription, b: RouteDescription): number {
  return `${a.path} ${a.method}` < `${b.path} ${b.method}` ? -1 : 1;
}

function operationOf(route: RouteDescription): Json {
  const { method, path, description, permit } = route;
  const inPath = new Set([...path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => name));
  const required = new Set<string>(route.parameters.required);
  const properties: Readonly<Record<string, TSchema>> = route.parameters.properties;
  const all = Object.entries(properties).map(([name, schema]) => ({
    name,
    schema: described(name, schema),
    isRequired: required.has(name),
  }));
  const hasBody = (method === "POST" || method === "PUT") && route.body === "parameters";
  const others = all.filter(({ name }) => !inPath.has(name));
  const parameters = [
    ...all.filter(({ name }) => inPath.has(name)).map((each) => parameterOf(each, "path")),
    ...(hasBody ? [] : others.map((each) => parameterOf(each, "query"))),
  ];
  return {
    operationId: operationId(method, path),
    tags: [path.split("/")[1] === "" ? "root" : path.split("/")[1]],
    summary: description,
    description: `Who may: ${permissionText(permit)}`,
    "x-permission": permit,
    ...(permit.kind === "world" ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(hasBody && others.length > 0 ? { requestBody: bodyOf(others) } : {}),
    ...(route.body === "stream" ? { requestBody: { content: bytesContent(OCTETS) } } : {}),
    responses: {
      "200": { description: "Done.", content: replyContent(route) },
      "400": { $ref: "#/components/responses/refused" },
      ...(permit.kind === "world" ? {} : refusals),
      "404": { $ref: "#/components/responses/missing" },
    },
  };
}

const OCTETS = "application/octet-stream";

const refusals = {
  "401": { $ref: "#/components/responses/unauthenticated" },
  "403": { $ref: "#/components/responses/forbidden" },
};

/** `GET /nodes/{node}/tasks` → `get_nodes_node_tasks`. */
function operationId(method: string, path: string): string {
  const words = path.match(/[A-Za-z0-9]+/g) ?? [];
  return [method.toLowerCase(), ...(words.length > 0 ? words : ["root"])].join("_");
}

interface NamedParameter {
  readonly name: string;
  readonly schema: Json;
  readonly isRequired: boolean;
}

function parameterOf({ name, schema, isRequired }: NamedParameter, place: "path" | "query"): Json {
  const { description, ...rest } = schema;
  const required = place === "path" || isRequired;
  return {
    name,
    in: place,
    ...(description === undefined ? {} : { description }),
    ...(required ? { required } : {}),
    schema: rest,
  };
}

function bodyOf(parameters: readonly NamedParameter[]): Json {
  const required = parameters.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  const schema = {
    type: "object",
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(parameters.map(({ name, schema: each }) => [name, each])),
    additionalProperties: false,
  };
  return {
    ...(required.length > 0 ? { required: true } : {}),
    content: {
      "application/json": { schema },
      "application/x-www-form-urlencoded": { schema },
    },
  };
}

function replyContent({ reply, produces, path }: RouteDescription): Json {
  if (produces !== undefined && isNull(reply)) return bytesContent(produces);
  const schema = {
    type: "object",
    required: ["data"],
    properties: { data: plain(reply), ...attributesOf(path) },
  };
  return {
    "application/json": { schema },
    ...(produces === undefined ? {} : bytesContent(produces)),
  };
}

/** Members beside `data` (spec rest-api.md §1.1). */
function attributesOf(path: string): Json {
  if (/^\/(config|access)\//.test(path)) return { digest: { type: "string" } };
  if (!/\/tasks(\/|$)/.test(path)) return {};
  const integer = { type: "integer" };
  return { total: integer, success: integer, active: { type: "boolean" } };
}

function isNull(schema: TSchema): boolean {
  return "type" in schema && schema.type === "null";
}

function bytesContent(type: string): Json {
  return { [type]: { schema: { type: "string", format: "binary" } } };
}

/** A schema with a description: its own, or the one that all parameters of that name share. */
function described(name: string, schema: TSchema): Json {
  const text = "description" in schema ? schema.description : parameterDescriptions[name];
  return text === undefined ? plain(schema) : { ...plain(schema), description: text };
}

/** A schema as plain JSON. */
function plain(schema: TSchema): Json {
  return Object.fromEntries(Object.entries(schema));
}

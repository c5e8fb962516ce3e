import assert from "node:assert/strict";
import { type IncomingMessage } from "node:http";
import { type Readable } from "node:stream";

import {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onSendHookHandler,
} from "fastify";
import { Type, type Static, type TObject, type TSchema } from "typebox";

import { type AuthId } from "../../format/snapshot/auth-id.ts";
import { type Privilege } from "../auth/privileges.ts";
import { ApiError } from "./api-error.ts";
import { type Audit, auditedParameters, type AuditEntry } from "./audit.ts";
import { errorReply } from "./error-reply.ts";
import {
  parameterCheck,
  parseForm,
  type GivenParameters,
  type RawParameters,
  type UnknownParameters,
} from "./parameters.ts";
import { peerOf } from "./peer-of.ts";
import { permissionPath, type Permission } from "./permission.ts";
import { requireReply } from "./reply-check.ts";

/** Methods of the API. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** What a handler knows about the call besides its parameters. */
export interface Call {
  /** Who calls; asking for it on a route that is open to the world is a mistake. */
  readonly caller: AuthId;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A result with members beside `data` (spec rest-api.md §1.1). */
export class WithAttributes<Data> {
  readonly data: Data;
  readonly attributes: ReplyAttributes;

  constructor(data: Data, attributes: ReplyAttributes) {
    this.data = data;
    this.attributes = attributes;
  }
}

/** Members that may stand beside `data`. */
export interface ReplyAttributes {
  readonly digest?: string;
  readonly total?: number;
  readonly success?: number;
  readonly active?: boolean;
}

/** Bytes as a result, sent as they are. */
export class RawReply {
  readonly body: Readable | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    body: Readable | Uint8Array,
    headers: Readonly<Record<string, string>> = { "content-type": "application/octet-stream" },
  ) {
    this.body = body;
    this.headers = headers;
  }
}

/** Says that the handler took the connection over and answers on it itself. */
export const ANSWERED: unique symbol = Symbol("answered");

/** What a handler may return. */
export type Result<Data> = Data | WithAttributes<Data> | RawReply | typeof ANSWERED;

/** One method of the API: schema of what goes in and what comes out, and what it does. */
export interface Route<Parameters extends TObject, Reply extends TSchema> {
  readonly method: Method;
  /** Below the root of the API; `:name` takes a parameter from the path, `_` in it stands for `-`. */
  readonly path: string;
  /** What it does, in a sentence for the documentation of the API. */
  readonly description: string;
  readonly permit: Permission;
  readonly parameters: Parameters;
  readonly unknownParameters?: UnknownParameters;
  readonly reply: Reply;
  /** `stream`: the body is data and `request.body` is the unread stream; parameters stand in the query only. */
  readonly body?: "parameters" | "stream";
  /** Content type of results that are bytes; without it the result is JSON. */
  readonly produces?: string;
  /** `bare`: JSON goes without a charset in its content type, as the genuine server sends what it streams. */
  readonly jsonType?: "bare";
  /** Does the work. */
  readonly handle: (
    parameters: Static<Parameters>,
    call: Call,
  ) => Promise<Result<Static<Reply>>> | Result<Static<Reply>>;
}

/** A route as the documentation and the tests see it. */
export interface RouteDescription {
  readonly method: Method;
  /** Below the root of the API; parameters as `{name}`. */
  readonly path: string;
  readonly description: string;
  readonly permit: Permission;
  readonly parameters: TObject;
  readonly reply: TSchema;
  readonly body: "parameters" | "stream";
  readonly produces: string | undefined;
}

/** What routes need of the application they are added to. */
export interface RouteEnvironment {
  /** Every route that was added, in that order. */
  readonly table: RouteDescription[];
  /** Whether a caller has one of some privileges on an ACL path. */
  readonly isPermitted: (caller: AuthId, path: string, anyOf: readonly Privilege[]) => boolean;
  /** Keeps what was done. */
  readonly audit: Audit;
  /** `checked`: a reply that breaks its schema is an error; for tests, since it costs time. */
  readonly replies: "checked" | "trusted";
}

declare module "fastify" {
  interface FastifyInstance {
    routeEnvironment: RouteEnvironment;
  }
  interface FastifyContextConfig {
    /** Whether the route may be called without login: only when it says `world`. */
    access?: "login" | "world";
    /** Whether the body is data, not parameters. */
    bodyKind?: "parameters" | "stream";
  }
}

const callers = new WeakMap<IncomingMessage, AuthId>();
const extjsRequests = new WeakSet<IncomingMessage>();

/** Remembers who sent a request. */
export function setCaller(request: IncomingMessage, caller: AuthId): void {
  callers.set(request, caller);
}

/** Remembers that a request wants replies in the form of `/api2/extjs` (spec auth.md §8.3). */
export function markExtjs(request: IncomingMessage): void {
  extjsRequests.add(request);
}

/** Whether {@link markExtjs} was called. */
export function isExtjs(request: IncomingMessage): boolean {
  return extjsRequests.has(request);
}

/** Content type of every JSON reply and of plain-text errors (spec auth.md §8.1). */
export const JSON_CONTENT_TYPE = "application/json;charset=UTF-8";

/** Adds a method to the API. */
export function addRoute<Parameters extends TObject, Reply extends TSchema>(
  app: FastifyInstance,
  route: Route<Parameters, Reply>,
): void {
  const { method, path, description, permit, parameters, reply: replySchema } = route;
  const body = route.body ?? "parameters";
  const environment = app.routeEnvironment;
  const check = parameterCheck(parameters, route.unknownParameters);
  const described: RouteDescription = {
    method,
    path: path.replaceAll(/:(\w+)/g, (_, name: string) => `{${name.replaceAll("_", "-")}}`),
    description,
    permit,
    parameters,
    reply: replySchema,
    body,
    produces: route.produces,
  };
  environment.table.push(described);
  app.route({
    method,
    url: path,
    config: { access: permit.kind === "world" ? "world" : "login", bodyKind: body },
    schema: { response: { 200: envelope(replySchema) } },
    ...(route.jsonType === "bare" ? { onSend: dropCharset } : {}),
    handler: async (request, reply) => {
      const call = makeCall(request, reply);
      const given = collectParameters(request, body);
      const audit = isAudited(described) ? environment.audit : ignoreEntry;
      const entry = {
        ...whoAndWhat(call, described),
        parameters: auditedParameters({ ...given.texts, ...given.values }),
      };
      try {
        requirePermission(permit, call, environment);
        const result = await route.handle(check.verify(given), call);
        audit({ ...entry, outcome: "done" });
        if (environment.replies === "checked") requireReply(replySchema, dataOf(result));
        return payloadOf(call, result);
      } catch (error) {
        audit({ ...entry, outcome: "refused", status: errorReply(error).status });
        throw error;
      }
    },
  });
}

/** Whether somebody may want to know later who did it: changes, sessions, and data that leaves. */
function isAudited({
  method,
  path,
  produces,
}: Pick<RouteDescription, "method" | "path" | "produces">): boolean {
  const isSession = path === "/backup" || path === "/reader";
  return method !== "GET" || isSession || produces !== undefined;
}

function ignoreEntry(): void {
  // Who only looked around is nobody's business.
}

function whoAndWhat(
  { request }: Call,
  { method, path }: RouteDescription,
): Pick<AuditEntry, "who" | "from" | "what"> {
  const who = callers.get(request.raw) ?? "";
  return { who, from: peerOf(request), what: `${method} ${path}` };
}

/** Comes last, because Fastify adds a charset to JSON that has none. */
const dropCharset: onSendHookHandler = (_request, reply, payload, done) => {
  const isJson = reply.getHeader("content-type") === JSON_CONTENT_TYPE;
  if (isJson && reply.statusCode === 200) reply.header("content-type", "application/json");
  done(null, payload);
};

/** Step 6 of the order of checks (spec auth.md §7). */
function requirePermission(permit: Permission, call: Call, environment: RouteEnvironment): void {
  if (permit.kind !== "privileges") return;
  const path = permissionPath(permit.path, pathParameters(call.request.params));
  if (!environment.isPermitted(call.caller, path, permit.anyOf)) {
    throw new ApiError("API_FORBIDDEN", "permission check failed");
  }
}

/** The part of a result that the schema is about; `undefined` for bytes. */
function dataOf(result: Result<unknown>): unknown {
  if (result === ANSWERED || result instanceof RawReply) return undefined;
  if (result instanceof WithAttributes) return (result as WithAttributes<unknown>).data;
  return result ?? null;
}

function makeCall(request: FastifyRequest, reply: FastifyReply): Call {
  return {
    request,
    reply,
    get caller(): AuthId {
      const caller = callers.get(request.raw);
      assert(caller !== undefined, "the route is open to the world");
      return caller;
    },
  };
}

/** What Fastify sends: an object for the reply schema, or bytes and streams as they are. */
function payloadOf({ reply, request }: Call, result: Result<unknown>): unknown {
  if (result === ANSWERED) {
    reply.hijack();
    return undefined;
  }
  if (result instanceof RawReply) {
    reply.headers(result.headers);
    return result.body;
  }
  reply.header("content-type", JSON_CONTENT_TYPE);
  const form = isExtjs(request.raw) ? { success: true, status: 200 } : {};
  if (result instanceof WithAttributes) {
    return { ...result.attributes, ...form, data: (result as WithAttributes<unknown>).data };
  }
  return { ...form, data: result ?? null };
}

function envelope(data: TSchema): TSchema {
  return Type.Object({
    data,
    success: Type.Optional(Type.Union([Type.Boolean(), Type.Integer()])),
    status: Type.Optional(Type.Integer()),
    total: Type.Optional(Type.Integer()),
    digest: Type.Optional(Type.String()),
    active: Type.Optional(Type.Boolean()),
  });
}

/** Path, query and body as one set of parameters (spec auth.md §8.2). */
function collectParameters(
  request: FastifyRequest,
  bodyKind: "parameters" | "stream",
): GivenParameters {
  const path = pathParameters(request.params);
  const url = request.raw.url ?? "";
  const queryStart = url.indexOf("?");
  const query = queryStart < 0 ? {} : parseForm(url.slice(queryStart + 1));
  if (bodyKind === "stream") return { texts: { ...query, ...path } };
  const body: unknown = request.body;
  if (body === undefined || body === null) return { texts: { ...query, ...path } };
  if (!isRecord(body)) throw new ApiError("API_PARAMETERS", "unsupported content type");
  const isJson = request.headers["content-type"]?.toLowerCase().startsWith("application/json");
  return isJson === true
    ? { texts: path, values: body }
    : { texts: { ...query, ...body, ...path } };
}

/** The router takes a dash in a name for its end, so names are written with `_` there. */
function pathParameters(given: unknown): RawParameters {
  const entries = isRecord(given) ? Object.entries(given) : [];
  return Object.fromEntries(entries.map(([name, value]) => [name.replaceAll("_", "-"), value]));
}

function isRecord(value: unknown): value is RawParameters {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

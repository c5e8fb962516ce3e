import { createServer, ServerResponse, type IncomingMessage, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type Readable } from "node:stream";

import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";

import { REQUEST_BODY_BYTES_MAX } from "../format/limits.ts";
import { type Authenticator } from "./auth/authenticator.ts";
import { ApiError } from "./http/api-error.ts";
import { type Audit, unauthenticatedEntry } from "./http/audit.ts";
import { addDirectoryRoutes } from "./http/directory-routes.ts";
import { errorReply } from "./http/error-reply.ts";
import { FrontConnection } from "./http/front-connection.ts";
import { parseForm, parseJsonParameters } from "./http/parameters.ts";
import {
  isExtjs,
  JSON_CONTENT_TYPE,
  markExtjs,
  setCaller,
  type RouteEnvironment,
} from "./http/route.ts";
import { peerOf } from "./http/peer-of.ts";
import { type AnsweredRequest } from "./metrics/request-figures.ts";
import { offerUpgrade } from "./http/upgrade-offer.ts";

/** Longest path and query in bytes (spec auth.md §1). */
const URI_BYTES_MAX = 3072;

/** Milliseconds for the body of one request over HTTP/1.1; the longest is a log of 16 MiB. */
const BODY_TIMEOUT_MS = 300_000;

/** How long refusals are held back, so that guessing is slow (spec auth.md §7). */
export interface RefusalDelays {
  readonly unauthenticatedMs: number;
  readonly forbiddenMs: number;
}

/** What the application is made of besides its routes. */
export interface AppOptions {
  readonly authenticator: Authenticator;
  /** Whether a caller has one of some privileges on an ACL path. */
  readonly isPermitted: RouteEnvironment["isPermitted"];
  /** Whether replies are held against their schemas. */
  readonly replies: RouteEnvironment["replies"];
  readonly delays: RefusalDelays;
  /** Keeps what was done. */
  readonly audit: Audit;
  readonly logger: FastifyBaseLogger;
  /** Told of every request that was answered. */
  readonly onAnswered: (request: AnsweredRequest) => void;
  /** Adds what lies outside of the API: the web page. */
  readonly addPage?: RoutePlugin;
}

/** Adds routes below the root of the API. */
export type RoutePlugin = (api: FastifyInstance) => void;

/**
 * Builds the HTTP application: order of checks, replies and errors of the protocol around the given routes.
 *
 * It does not listen: connections are handed to `app.server` by `FrontConnection.attach`, tests use `inject`.
 */
export async function buildApp(
  options: AppOptions,
  plugins: readonly RoutePlugin[],
): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    exposeHeadRoutes: false,
    bodyLimit: REQUEST_BODY_BYTES_MAX,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    rewriteUrl,
    serverFactory: (handler) => makeServer(handler),
    frameworkErrors: (error, request, reply) => {
      void errorPayload(error, { request, reply }, options.delays).then((payload) => {
        reply.raw.end(payload);
      });
    },
  });
  app.addHook("onRequest", async (request) => {
    checkPath(request);
    await authenticate(request, options);
  });
  app.addHook("onResponse", async (request, reply) => {
    const { statusCode: status, elapsedTime: durationMs } = reply;
    options.onAnswered({ method: request.method, status, durationMs });
    await Promise.resolve();
  });
  const { isPermitted, replies, audit } = options;
  app.decorate("routeEnvironment", { table: [], isPermitted, replies, audit });
  addBodyParsers(app);
  app.setErrorHandler(
    async (error, request, reply) => await errorPayload(error, { request, reply }, options.delays),
  );
  app.setNotFoundHandler((request) => {
    throw notFound(request);
  });
  options.addPage?.(app);
  await app.register(
    async (api) => {
      for (const plugin of plugins) plugin(api);
      addDirectoryRoutes(api);
      await Promise.resolve();
    },
    { prefix: "/api2/json" },
  );
  await app.ready();
  return await app;
}

function makeServer(handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer({ requireHostHeader: false, keepAlive: true }, handler);
  server.on("request", (request, response) => {
    endSlowBody(request);
    const front = FrontConnection.of(request.socket);
    if (!front) return;
    front.requestStarted();
    response.once("close", () => {
      front.requestEnded();
    });
  });
  server.on("upgrade", (request, stream, head) => {
    // Node detaches the parser for every kind of upgrade. All of them take the ordinary way through the application,
    // whose reply is either the upgrade or an ordinary answer that ends the connection.
    const front = FrontConnection.of(stream);
    if (front) {
      front.requestStarted();
      offerUpgrade(request, { front, head });
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once("finish", () => {
      stream.end();
    });
    handler(request, response);
  });
  return server;
}

/** Cuts a connection whose request body takes too long; `FrontConnection` watches over heads. */
function endSlowBody(request: IncomingMessage): void {
  if (request.complete) return;
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, BODY_TIMEOUT_MS);
  timer.unref();
  request.once("close", () => {
    clearTimeout(timer);
  });
}

/** Drops doubled and trailing slashes, and turns `/api2/extjs` into `/api2/json` with a mark (spec auth.md §1, §8.3). */
function rewriteUrl(request: Readonly<Pick<IncomingMessage, "url">> & object): string {
  const url = request.url ?? "/";
  const queryStart = url.indexOf("?");
  const path = queryStart < 0 ? url : url.slice(0, queryStart);
  const query = queryStart < 0 ? "" : url.slice(queryStart);
  let normal = path.replaceAll(/\/{2,}/g, "/");
  if (normal.length > 1 && normal.endsWith("/")) normal = normal.slice(0, -1);
  if (/^\/api2\/extjs(\/|$)/.test(normal)) {
    if (isIncomingMessage(request)) markExtjs(request);
    normal = `/api2/json${normal.slice("/api2/extjs".length)}`;
  }
  // Where Prometheus looks unless it is told otherwise.
  if (normal === "/metrics") normal = "/api2/json/amber/metrics";
  return `${normal}${query}`;
}

function isIncomingMessage(request: object): request is IncomingMessage {
  return "rawHeaders" in request || "headers" in request;
}

/** Steps 1 and 2 of the order of checks (spec auth.md §7). */
function checkPath(request: FastifyRequest): void {
  const url = request.originalUrl;
  if (Buffer.byteLength(url) > URI_BYTES_MAX) {
    throw new ApiError("API_URI_TOO_LONG", "URI too long");
  }
  const [path = ""] = url.split("?");
  const components = path.split("/").filter((component) => component !== "");
  if (components.some((component) => decoded(component).startsWith("."))) {
    throw new ApiError("API_PARAMETERS", "invalid path components");
  }
  const [root, format] = components;
  if (root === "api2" && format !== "json" && format !== "extjs") {
    throw new ApiError("API_PARAMETERS", `Unsupported output format '${format ?? ""}'.`);
  }
}

function decoded(component: string): string {
  try {
    return decodeURIComponent(component);
  } catch {
    throw new ApiError("API_PARAMETERS", "invalid path components");
  }
}

/**
 * Step 4: every route needs a login unless it says otherwise, and so does what does not exist below the API.
 *
 * The route decides, not the text of the path: the router decodes `%61pi2` before it looks.
 */
async function authenticate(
  request: FastifyRequest,
  { authenticator, audit }: Pick<AppOptions, "authenticator" | "audit">,
): Promise<void> {
  const isOpen = request.is404
    ? !/^\/api2(\/|$|\?)/.test(request.raw.url ?? "")
    : request.routeOptions.config.access === "world";
  if (isOpen) return;
  try {
    const { headers, method } = request;
    setCaller(request.raw, await authenticator.authenticate(headers, method, peerOf(request)));
  } catch (error) {
    audit(unauthenticatedEntry(request, errorReply(error)));
    throw error;
  }
}

function notFound(request: FastifyRequest): ApiError {
  const [path = ""] = request.originalUrl.split("?");
  const normal = path.replaceAll(/\/{2,}/g, "/");
  if (/^\/api2(\/|$)/.test(normal)) {
    return new ApiError("API_NOT_FOUND", `Path '${normal}' not found.`);
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new ApiError("API_PARAMETERS", "invalid http method for path");
  }
  return new ApiError("API_NOT_FOUND", `no such file: '${normal}'`);
}

function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parsers = [
    ["application/json", parseJsonParameters],
    ["application/x-www-form-urlencoded", parseForm],
  ] as const;
  for (const [contentType, parse] of parsers) {
    app.addContentTypeParser(contentType, async (request: FastifyRequest, payload: Readable) => {
      if (request.routeOptions.config.bodyKind === "stream") return payload;
      const text = await readText(payload);
      // A body that is announced and empty is none: then the query counts.
      return text.trim() === "" ? undefined : parse(text);
    });
  }
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) => {
    if (request.routeOptions.config.bodyKind === "stream") return payload;
    if ((await readText(payload)) === "") return {};
    throw new ApiError("API_PARAMETERS", "unsupported content type");
  });
}

async function readText(payload: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not destroy the request, whose connection has yet to carry the answer.
  const pieces: AsyncIterable<unknown> = payload.iterator({ destroyOnReturn: false });
  for await (const part of pieces) {
    if (!Buffer.isBuffer(part)) throw new TypeError("the body has an encoding set");
    size += part.length;
    if (size > REQUEST_BODY_BYTES_MAX) {
      throw new ApiError("API_PARAMETERS", "Request body too large");
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** Status, headers and body of the reply to an error, after the delay that refusals of access get. */
async function errorPayload(
  error: unknown,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  delays: RefusalDelays,
): Promise<string> {
  const { status, text, parameters, isUnexpected } = errorReply(error);
  if (isUnexpected) request.log.error({ err: error, path: request.url }, "request failed");
  else request.log.debug({ status, text, path: request.url }, "request refused");
  if (status === 401) await delay(delays.unauthenticatedMs);
  if (status === 403) await delay(delays.forbiddenMs);
  if (!request.raw.complete && request.method !== "GET") reply.header("connection", "close");
  reply.header("content-type", JSON_CONTENT_TYPE);
  if (isExtjs(request.raw) && status !== 401) {
    reply.code(200);
    const isParameters = Object.keys(parameters).length > 0;
    const message = isParameters ? "parameter verification errors" : text;
    return JSON.stringify({ success: false, status, message, errors: parameters });
  }
  reply.code(status);
  return text;
}

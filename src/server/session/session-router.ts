import { setTimeout as delay } from "node:timers/promises";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";

import { type Static, type TObject } from "typebox";

import { REQUEST_BODY_BYTES_MAX } from "../../format/limits.ts";
import { ApiError } from "../http/api-error.ts";
import { errorReply } from "../http/error-reply.ts";
import {
  parameterCheck,
  parseForm,
  parseJsonParameters,
  type GivenParameters,
} from "../http/parameters.ts";
import { type Direction, type TransferPace } from "../traffic/traffic-control.ts";
import { JSON_CONTENT_TYPE } from "../http/route.ts";

/** Length and status of a request, for logs. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  500: "Internal Server Error",
  507: "Insufficient Storage",
};

/** What becomes of the bytes of an answer. */
export interface SessionBytesUse {
  /** Closes what the pieces come from; called once, also when nobody wants them any more. */
  readonly close?: () => Promise<void>;
  /**
   * Told about each piece when it has been sent and nobody refers to its memory any more. Not told where that is not known,
   * as of a stream that ended early.
   */
  readonly onSent?: (piece: Uint8Array) => void;
}

/** Bytes as an answer: pieces in order, pulled as the connection takes them. */
export class SessionBytes {
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly use: SessionBytesUse;

  constructor(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, use: SessionBytesUse = {}) {
    this.pieces = pieces;
    this.use = use;
  }
}

/** One request inside a session. */
export interface SessionRoute {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  /** Reads and checks the request, does the work, gives the value of `data` or bytes. */
  readonly run: (stream: ServerHttp2Stream, query: string, contentType: string) => Promise<unknown>;
}

/** A method with ordinary parameters in query, form or JSON body (spec backup-protocol.md §2.6). */
export function method<Parameters extends TObject>(
  name: `${SessionRoute["method"]} ${string}`,
  parameters: Parameters,
  handle: (parameters: Static<Parameters>) => Promise<unknown>,
): SessionRoute {
  const check = parameterCheck(parameters);
  return {
    ...splitName(name),
    run: async (stream, query, contentType) => {
      const body = await readBody(stream, REQUEST_BODY_BYTES_MAX);
      return await handle(check.verify(mergeParameters(query, contentType, body)));
    },
  };
}

/** A method whose body is data and whose parameters stand in the query only. */
export function streamMethod<Parameters extends TObject>(
  name: `${SessionRoute["method"]} ${string}`,
  parameters: Parameters,
  handle: (parameters: Static<Parameters>, stream: ServerHttp2Stream) => Promise<unknown>,
): SessionRoute {
  const check = parameterCheck(parameters);
  return {
    ...splitName(name),
    run: async (stream, query) => await handle(check.verify({ texts: parseForm(query) }), stream),
  };
}

/** What a router tells the session it works for. */
export interface SessionEvents {
  /** A request begins; `name` is method and path. */
  readonly onRequest: (name: string) => void;
  /** A request failed; `line` is ready for the task log (spec backup-protocol.md §2.7). */
  readonly onFailure: (line: string) => void;
  /** Something went wrong that is our own mistake, or trouble of the machine. */
  readonly onUnexpected: (error: unknown) => void;
  /** How long a 401 is held back. */
  readonly unauthenticatedMs: number;
  /** Lets bodies wait, those that come and those that go. */
  readonly pace: TransferPace;
}

/** Answers the requests of one session; never throws. */
export class SessionRouter {
  readonly #routes = new Map<string, SessionRoute>();
  readonly #events: SessionEvents;

  constructor(routes: readonly SessionRoute[], events: SessionEvents) {
    this.#events = events;
    for (const route of routes) this.#routes.set(`${route.method} ${route.path}`, route);
  }

  /** Answers one request. Settles when the answer has been handed to the connection. */
  async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on("error", ignoreError);
    const [methodName, fullPath] = [headers[":method"] ?? "", headers[":path"] ?? ""];
    const queryStart = fullPath.indexOf("?");
    const rawPath = queryStart < 0 ? fullPath : fullPath.slice(0, queryStart);
    const query = queryStart < 0 ? "" : fullPath.slice(queryStart + 1);
    const path = `/${rawPath
      .split("/")
      .filter((part) => part !== "")
      .join("/")}`;
    const name = `${methodName} ${path}`;
    try {
      const route = this.#routes.get(name);
      if (!route && name !== "GET /") {
        throw new ApiError("API_NOT_FOUND", `Path '${path}' not found.`);
      }
      this.#events.onRequest(name);
      if (route && methodName === "POST") {
        using closing = whenClosed(stream);
        const size = announcedSize(headers, query);
        await takeWhileOpen(this.#events.pace, "in", size, closing);
      }
      const value = route
        ? await route.run(stream, query, headers["content-type"] ?? "")
        : this.#index();
      if (value instanceof SessionBytes) await sendBytes(stream, value, this.#events.pace);
      else sendText(stream, 200, JSON.stringify({ data: value ?? null }));
    } catch (error) {
      await this.#fail(stream, name, error);
    }
  }

  #index(): readonly { readonly subdir: string }[] {
    const names = [...this.#routes.values()].map((route) => route.path.slice(1));
    return [...new Set(names)].sort().map((subdir) => ({ subdir }));
  }

  async #fail(stream: ServerHttp2Stream, name: string, error: unknown): Promise<void> {
    if (stream.destroyed) return;
    const { status, text, isUnexpected } = errorReply(error);
    if (isUnexpected) this.#events.onUnexpected(error);
    this.#events.onFailure(`${name}: ${status} ${STATUS_TEXTS[status] ?? ""}: ${text}`);
    if (status === 401) await delay(this.#events.unauthenticatedMs, undefined, { ref: false });
    if (stream.headersSent) closeSoon(stream, constants.NGHTTP2_INTERNAL_ERROR);
    else sendText(stream, status, text);
  }
}

function splitName(name: `${SessionRoute["method"]} ${string}`): {
  readonly method: SessionRoute["method"];
  readonly path: string;
} {
  const [verb = "GET", path = "/"] = name.split(" ");
  return { method: verb === "POST" || verb === "PUT" ? verb : "GET", path };
}

function mergeParameters(query: string, contentType: string, body: Uint8Array): GivenParameters {
  const text = Buffer.from(body).toString("utf8");
  if (contentType.toLowerCase().startsWith("application/json")) {
    return { texts: {}, values: parseJsonParameters(text) };
  }
  return { texts: { ...parseForm(query), ...parseForm(text) } };
}

/** Reads an ordinary body. */
async function readBody(stream: ServerHttp2Stream, sizeMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop must not destroy the stream, which has yet to carry the answer.
  const pieces: AsyncIterable<unknown> = stream.iterator({ destroyOnReturn: false });
  for await (const part of pieces) {
    if (!(part instanceof Uint8Array)) throw new TypeError("the body has an encoding set");
    size += part.length;
    if (size > sizeMax) throw new ApiError("API_PARAMETERS", "Request body too large");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function sendText(stream: ServerHttp2Stream, status: number, text: string): void {
  if (stream.destroyed || stream.headersSent) return;
  const body = Buffer.from(text);
  stream.respond({
    ":status": status,
    "content-type": JSON_CONTENT_TYPE,
    "content-length": body.length,
  });
  stream.end(body);
  if (stream.readableEnded) return;
  // The rest of a body nobody wants: stop the client as RFC 9113 §8.1 says, and throw away what came already. A stream
  // with unread bytes would stay open for ever, and its session with it.
  stream.resume();
  stream.once("finish", () => {
    if (!stream.readableEnded) closeSoon(stream, constants.NGHTTP2_NO_ERROR);
  });
}

/** Closes a stream, but never while nghttp2 hands out received data (docs/decisions/0006-http2-beside-fastify.md). */
function closeSoon(stream: ServerHttp2Stream, code: number): void {
  setImmediate(() => {
    stream.close(code);
  });
}

/** Bytes of a body, as far as the client says: chunks and blobs have their size in the query. */
function announcedSize(headers: IncomingHttpHeaders, query: string): number {
  const inQuery = /(?:^|&)encoded-size=([0-9]{1,10})(?:&|$)/.exec(query)?.[1];
  return Number(inQuery ?? headers["content-length"] ?? 0);
}

/** Waits for its turn, or until nobody waits for the answer any more. */
async function takeWhileOpen(
  pace: TransferPace,
  direction: Direction,
  size: number,
  closing: Closing,
): Promise<void> {
  if (closing.isClosed() || !(size > 0)) return;
  try {
    await pace.take(direction, size, closing.gone);
  } catch (error) {
    if (!closing.isClosed()) throw error;
  }
}

interface Closing extends Disposable {
  readonly gone: AbortSignal;
  readonly isClosed: () => boolean;
}

/** Aborts when a stream closes, as long as it is not disposed of. */
function whenClosed(stream: ServerHttp2Stream): Closing {
  const controller = new AbortController();
  const onClose = (): void => {
    controller.abort();
  };
  if (stream.destroyed) onClose();
  else stream.once("close", onClose);
  return {
    gone: controller.signal,
    isClosed: () => controller.signal.aborted,
    [Symbol.dispose]: () => stream.off("close", onClose),
  };
}

async function sendBytes(
  stream: ServerHttp2Stream,
  bytes: SessionBytes,
  pace: TransferPace,
): Promise<void> {
  using closing = whenClosed(stream);
  try {
    if (isGone(stream)) return;
    stream.resume();
    stream.respond({ ":status": 200, "content-type": "application/octet-stream" });
    for await (const piece of bytes.pieces) {
      await takeWhileOpen(pace, "out", piece.length, closing);
      if (isGone(stream)) return;
      // When a write has succeeded, TLS has encrypted it into memory of its own, and Node refers to ours no more. Of a stream
      // that was destroyed meanwhile Node says success as well, whatever has become of the write.
      const onTaken = (error: Error | null | undefined): void => {
        if (!error && !isGone(stream)) bytes.use.onSent?.(piece);
      };
      if (!stream.write(piece, onTaken)) await drained(stream);
    }
    stream.end();
  } finally {
    await bytes.use.close?.();
  }
}

function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed;
}

async function drained(stream: ServerHttp2Stream): Promise<void> {
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      stream.off("drain", settle);
      stream.off("close", settle);
      resolve();
    };
    stream.on("drain", settle);
    stream.on("close", settle);
  });
}

/** Errors of a stream show as its destruction. */
function ignoreError(): void {
  // Nothing to do.
}

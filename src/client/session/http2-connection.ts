import { setMaxListeners } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { type TLSSocket } from "node:tls";

import { noticeHangUp } from "../../linux/notice-hang-up.ts";
import { AnswerCollector } from "./answer-collector.ts";
import { ApiError } from "./api-error.ts";
import { SessionError } from "./session-error.ts";

/** Bytes that may be in flight towards us on one stream: measured, more gains nothing (docs/decisions). */
const STREAM_WINDOW_BYTES = 16 * 1024 * 1024;

/** Bytes that may be in flight towards us on the connection. */
const CONNECTION_WINDOW_BYTES = 32 * 1024 * 1024;

/** Memory that the HTTP/2 layer may use, in megabytes; the default of 10 is less than three chunks. */
const SESSION_MEMORY_MB = 512;

/** Looks at a silent connection before it is ended. */
const SILENT_TICKS_MAX = 4;

/** Value of one query parameter; a list is the parameter once for each of its values. */
export type QueryValue = string | number | boolean | readonly string[];

/** One request inside a session. */
export interface SessionRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Path without query, for example `/chunk`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, borrowed until the answer is here; may lie in shared memory. */
  readonly body?: Uint8Array;
  /** What {@link body} is called; `application/octet-stream` when left out. */
  readonly contentType?: string;
  /** Longest answer accepted, in bytes. */
  readonly answerBytesMax: number;
  /**
   * Offers memory for an answer with status 200, at most once, when its first bytes are here; gets its length if the server
   * has told. An answer that does not fit comes in other memory. Nothing is written once the request has settled.
   */
  readonly allocate?: ((size: number | undefined) => Uint8Array | undefined) | undefined;
  /** Milliseconds from sending to the end of the answer; without it there is no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * An HTTP/2 connection over an upgraded socket, as a list of requests and answers.
 *
 * Calls may overlap. When the connection ends, every open request fails with `SESSION_LOST`; the connection cannot be
 * used again. The socket belongs to the connection from construction on.
 */
export class Http2Connection {
  readonly #session: ClientHttp2Session;
  readonly #socket: TLSSocket;
  #failure: Error | undefined;
  #isEnding = false;
  #openCount = 0;
  #silentTicks = 0;
  #watch: NodeJS.Timeout | undefined;

  /** Takes the socket over; every `lookEveryMs` it looks whether a server that broke the rules of HTTP/2 has hung up. */
  constructor(
    socket: TLSSocket,
    authority: string,
    { lookEveryMs }: { readonly lookEveryMs: number },
  ) {
    this.#socket = socket;
    const session = connect(`https://${authority}`, {
      createConnection: () => socket,
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
    });
    this.#session = session;
    session.on("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    });
    session.on("error", (error: Error) => {
      this.#failure ??= error;
    });
    session.on("goaway", () => {
      session.close();
    });
    socket.on("error", (error: Error) => {
      this.#failure ??= error;
    });
    const hangUp = noticeHangUp(session, lookEveryMs);
    this.onClose(() => {
      hangUp[Symbol.dispose]();
    });
  }

  /** Whether requests can still be made. */
  get isOpen(): boolean {
    return !this.#isEnding && !this.#session.closed && !this.#session.destroyed;
  }

  /**
   * From now on, ends the connection when nothing has come for `silenceMs` although something was asked.
   *
   * A peer that is only busy answers pings. Made for downloads: while uploading over a slow line, an answer to a ping may
   * wait behind what is being sent.
   */
  endOnSilence(silenceMs: number): void {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => {
      if (this.#openCount === 0) return;
      // Ticks, not time: after this process was held up itself, the answers are still to be read.
      this.#silentTicks += 1;
      if (this.#silentTicks > SILENT_TICKS_MAX) {
        this.#failure ??= new Error(`the server was silent for ${silenceMs} ms`);
        this.destroy();
      } else if (!this.#session.destroyed) {
        this.#session.ping(() => {
          this.#silentTicks = 0;
        });
      }
    }, silenceMs / SILENT_TICKS_MAX);
    this.#watch.unref();
    this.onClose(() => {
      clearInterval(this.#watch);
    });
  }

  /** Calls `listener` once when the connection has ended, at once if it has. */
  onClose(listener: () => void): void {
    if (this.#session.destroyed) listener();
    else this.#session.once("close", listener);
  }

  /**
   * Makes one request.
   *
   * @returns Body of an answer with status 200, owned.
   * @throws {ApiError} for any other status; {@link SessionError} `SESSION_LOST`, `SESSION_TIMEOUT`,
   *   `SESSION_PROTOCOL` for an answer that is too long; the signal's reason when aborted.
   */
  async request(request: SessionRequest): Promise<Uint8Array> {
    const { signal, timeoutMs } = request;
    signal?.throwIfAborted();
    if (signal) setMaxListeners(0, signal); // One a request; Node.js takes more than ten for a leak.
    if (!this.isOpen) throw this.#lost();
    const stream = this.#open(request);
    if (this.#openCount === 0) this.#silentTicks = 0;
    this.#openCount += 1;
    return await new Promise<Uint8Array>((resolve, reject) => {
      const answer = new AnswerCollector(request.answerBytesMax, request.allocate);
      let timer: NodeJS.Timeout | undefined;
      let isSettled = false;
      const settle = (outcome: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        this.#openCount -= 1;
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        outcome();
      };
      const fail = (error: unknown): void => {
        settle(() => {
          reject(error instanceof Error ? error : new Error(String(error)));
        });
        // Not now: see `destroy`.
        setImmediate(() => {
          stream.close(constants.NGHTTP2_CANCEL);
        });
      };
      const onAbort = (): void => {
        fail(signal?.reason);
      };
      if (timeoutMs !== undefined) {
        timer = setTimeout(() => {
          const message = `Cannot get ${request.path}: no answer within ${timeoutMs} ms`;
          fail(new SessionError("SESSION_TIMEOUT", message));
        }, timeoutMs);
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      stream.on("response", (headers) => {
        this.#silentTicks = 0;
        answer.start(headers);
      });
      stream.on("data", (part: Buffer) => {
        if (isSettled) return; // The memory may belong to others by now.
        this.#silentTicks = 0;
        if (!answer.add(part)) {
          const message = `Cannot get ${request.path}: the answer is longer than ${request.answerBytesMax} bytes`;
          fail(new SessionError("SESSION_PROTOCOL", message));
        }
      });
      stream.on("end", () => {
        const isWhole = !stream.aborted && !stream.rstCode && answer.isWhole();
        settle(() => {
          if (answer.statusCode === undefined || !isWhole) reject(this.#lost());
          else if (answer.statusCode === 200) resolve(answer.bytes());
          else reject(new ApiError(answer.statusCode, answer.text()));
        });
      });
      stream.on("error", (cause: Error) => {
        fail(this.#lost(cause));
      });
      stream.on("close", () => {
        fail(this.#lost());
      });
    });
  }

  /**
   * Ends the connection: no request can be made any more, open ones fail in the next turn of the event loop.
   *
   * Not in this turn, because what calls this often runs while nghttp2 hands out received data; closing streams there
   * frees memory that it goes on to use (docs/decisions/0006-http2-beside-fastify.md).
   */
  destroy(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    setImmediate(() => {
      this.#session.destroy();
      this.#socket.destroy();
    });
  }

  #open(request: SessionRequest): ClientHttp2Stream {
    const { method, path, query, json, body } = request;
    const text = query === undefined ? "" : renderQuery(query);
    const headers: Record<string, string | number> = {
      ":method": method,
      ":path": text === "" ? path : `${path}?${text}`,
    };
    const content = json === undefined ? body : new TextEncoder().encode(JSON.stringify(json));
    if (json !== undefined) headers["content-type"] = "application/json";
    if (content) {
      headers["content-length"] = content.length;
      if (body) headers["content-type"] = request.contentType ?? "application/octet-stream";
    }
    const stream = this.#session.request(headers, { endStream: content === undefined });
    if (content) stream.end(content);
    return stream;
  }

  #lost(cause?: Error): SessionError {
    const reason = cause ?? this.#failure;
    return new SessionError(
      "SESSION_LOST",
      "The connection to the server ended early",
      reason === undefined ? {} : { cause: reason },
    );
  }
}

/** Renders query parameters, percent-encoded (spec auth.md §8.2). */
export function renderQuery(query: Readonly<Record<string, QueryValue>>): string {
  return Object.entries(query)
    .flatMap(([name, value]) =>
      (typeof value === "object" ? value : [String(value)]).map(
        (one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`,
      ),
    )
    .join("&");
}

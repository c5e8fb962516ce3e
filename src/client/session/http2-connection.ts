import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { type TLSSocket } from "node:tls";

import { noticeHangUp } from "../../linux/notice-hang-up.ts";
import { type AnswerListener, answerTo, type ReadRequest, renderPath } from "./answer-to.ts";
import { connectionLost, type SessionError } from "./session-error.ts";
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from "./session-windows.ts";

/** Memory that the HTTP/2 layer may use, in megabytes; the default of 10 is less than three chunks. */
const SESSION_MEMORY_MB = 512;

/** One request inside a session. */
export interface SessionRequest extends ReadRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, borrowed until the answer is here; may lie in shared memory. */
  readonly body?: Uint8Array;
  /** What {@link body} is called; `application/octet-stream` when left out. */
  readonly contentType?: string;
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
    request.signal?.throwIfAborted();
    if (!this.isOpen) throw this.#lost();
    const send = (listener: AnswerListener): (() => void) => this.#send(request, listener);
    return await answerTo(request, send, {
      lost: (cause) => this.#lost(cause),
      receivedBytes: () => this.#socket.bytesRead,
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

  #send(request: SessionRequest, listener: AnswerListener): () => void {
    const stream = this.#open(request);
    stream.on("response", (headers) => {
      const { ":status": status, "content-length": contentLength } = headers;
      listener.onHead({ status, contentLength });
    });
    stream.on("data", (part: Buffer) => {
      listener.onBody(part);
    });
    stream.on("end", () => {
      listener.onEnd(stream.aborted || !!stream.rstCode);
    });
    stream.on("error", (cause: Error) => {
      listener.onLost(cause);
    });
    stream.on("close", () => {
      listener.onLost();
    });
    return () => {
      // Not now: see `destroy`.
      setImmediate(() => {
        stream.close(constants.NGHTTP2_CANCEL);
      });
    };
  }

  #open(request: SessionRequest): ClientHttp2Stream {
    const { method, json, body } = request;
    const headers: Record<string, string | number> = {
      ":method": method,
      ":path": renderPath(request),
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
    return connectionLost(cause ?? this.#failure);
  }
}

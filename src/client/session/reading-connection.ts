import { type TLSSocket } from "node:tls";

import { encodeGoAway } from "../../format/http2/frames.ts";
import { type AnswerListener, answerTo, type ReadRequest, renderPath } from "./answer-to.ts";
import { FrameConnection } from "./frame-connection.ts";
import { connectionLost, type SessionError } from "./session-error.ts";
import { type SocketInput } from "./socket-input.ts";

/** Looks at a silent connection before it is ended. */
const SILENT_TICKS_MAX = 4;

/** What a {@link ReadingConnection} is made of. */
export interface ReadingConnectionParts {
  /** Upgraded, and the connection's own from now on. */
  readonly socket: TLSSocket;
  /** What comes on it. */
  readonly input: SocketInput;
  /** Name and port of the server. */
  readonly authority: string;
}

/**
 * An HTTP/2 connection over an upgraded socket on which only GET is asked: a list of requests and answers.
 *
 * Calls may overlap. When the connection ends, every open request fails with `SESSION_LOST`; the connection cannot be
 * used again.
 */
export class ReadingConnection {
  readonly #socket: TLSSocket;
  readonly #authority: string;
  readonly #frames: FrameConnection;
  #failure: Error | undefined;
  #isEnding = false;
  #silentTicks = 0;
  #receivedBytes = 0;
  #watch: NodeJS.Timeout | undefined;

  /** Takes the socket over. */
  constructor({ socket, input, authority }: ReadingConnectionParts) {
    this.#socket = socket;
    this.#authority = authority;
    this.#frames = new FrameConnection({
      send: (bytes) => {
        socket.write(bytes);
        return socket.writableLength;
      },
      onEnd: () => {
        this.destroy();
      },
    });
    socket.on("error", (error: Error) => {
      this.#failure ??= error;
    });
    socket.on("close", () => {
      this.destroy();
    });
    input.passTo((bytes) => {
      this.#silentTicks = 0;
      this.#receivedBytes += bytes.length;
      this.#frames.receive(bytes);
    });
    if (socket.destroyed) this.destroy();
  }

  /** Whether requests can still be made. */
  get isOpen(): boolean {
    return !this.#isEnding && this.#frames.isOpen && !this.#socket.destroyed;
  }

  /**
   * From now on, ends the connection when nothing has come for `silenceMs` although something was asked.
   *
   * A peer that is only busy answers pings.
   */
  endOnSilence(silenceMs: number): void {
    clearInterval(this.#watch);
    if (this.#isEnding) return;
    this.#watch = setInterval(() => {
      if (this.#frames.openCount === 0) return;
      // Ticks, not time: after this process was held up itself, the answers are still to be read.
      this.#silentTicks += 1;
      if (this.#silentTicks > SILENT_TICKS_MAX) {
        this.#failure ??= new Error(`the server was silent for ${silenceMs} ms`);
        this.destroy();
      } else {
        this.#frames.ping(() => undefined);
      }
    }, silenceMs / SILENT_TICKS_MAX);
    this.#watch.unref();
  }

  /**
   * Makes one request.
   *
   * @returns Body of an answer with status 200: in the memory that was allocated, or owned.
   * @throws {ApiError} for any other status; {@link SessionError} `SESSION_LOST`, `SESSION_TIMEOUT`,
   *   `SESSION_PROTOCOL` for an answer that is too long; the signal's reason when aborted.
   */
  async request(request: ReadRequest): Promise<Uint8Array> {
    request.signal?.throwIfAborted();
    if (!this.isOpen) throw this.#lost();
    if (this.#frames.openCount === 0) this.#silentTicks = 0;
    const send = (listener: AnswerListener): (() => void) =>
      this.#frames.request(
        {
          ":method": "GET",
          ":scheme": "https",
          ":authority": this.#authority,
          ":path": renderPath(request),
        },
        listener,
      );
    return await answerTo(request, send, {
      lost: (cause) => this.#lost(cause),
      receivedBytes: () => this.#receivedBytes,
    });
  }

  /** Ends the connection: no request can be made any more, open ones fail. */
  destroy(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    clearInterval(this.#watch);
    this.#frames.end(this.#failure);
    if (!this.#socket.destroyed) this.#socket.write(encodeGoAway("NO_ERROR"));
    this.#socket.destroy();
  }

  #lost(cause?: Error): SessionError {
    return connectionLost(cause ?? this.#failure);
  }
}

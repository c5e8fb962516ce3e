import { type TLSSocket } from "node:tls";

import { ApiError } from "./api-error.ts";
import { SessionError } from "./session-error.ts";

/** Protocols that a connection can be upgraded to. */
export type UpgradeProtocol = "proxmox-backup-protocol-v1" | "proxmox-backup-reader-protocol-v1";

/** The request that turns an HTTP/1.1 connection into a session. */
export interface UpgradeRequest {
  /** Path and query, for example `/api2/json/backup?store=…`. */
  readonly path: string;
  readonly protocol: UpgradeProtocol;
  /** Value of the `Host` header. */
  readonly authority: string;
  /** Further headers: authentication, user agent. Values contain no line ends. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Longest head and error body of an answer in bytes; ours. */
const ANSWER_BYTES_MAX = 64 * 1024;

const HEAD_END = "\r\n\r\n";

/**
 * Asks for the upgrade and waits until the connection speaks HTTP/2.
 *
 * The answer is parsed here, not by the HTTP client of Node.js, since servers before 3.1.5 leave out the `Connection`
 * header, which that client takes for an ordinary answer (spec backup-protocol.md §2.1, Trap 2). Bytes after the
 * answer's head belong to HTTP/2 and stay in the socket's buffer. The socket is destroyed when this fails.
 *
 * @throws {ApiError} the server's refusal; {@link SessionError} `SESSION_PROTOCOL`, `SESSION_LOST`, `SESSION_TIMEOUT`.
 */
export async function upgradeConnection(
  socket: TLSSocket,
  request: UpgradeRequest,
  options: { readonly signal?: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  socket.write(renderRequest(request));
  const reader = new AnswerReader(socket, options);
  try {
    const head = await reader.readHead();
    const answer = parseHead(head);
    if (answer.statusCode !== 101) {
      throw new ApiError(answer.statusCode, await reader.readBody(answer.headers));
    }
    const protocol = answer.headers.get("upgrade");
    if (protocol !== undefined && protocol !== request.protocol) {
      const message = `Cannot upgrade the connection: the server switched to "${protocol}"`;
      throw new SessionError("SESSION_PROTOCOL", message);
    }
    reader.release();
  } catch (error) {
    reader.release();
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  }
}

function renderRequest(request: UpgradeRequest): string {
  const headers = {
    Host: request.authority,
    Connection: "Upgrade",
    Upgrade: request.protocol,
    ...request.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => {
    if (/[\r\n]/.test(value)) throw new TypeError(`line end in header ${name}`);
    return `${name}: ${value}\r\n`;
  });
  return `GET ${request.path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Head of an answer; header names are in lower case, of repeated ones the last counts. */
interface AnswerHead {
  readonly statusCode: number;
  readonly headers: ReadonlyMap<string, string>;
}

function parseHead(head: string): AnswerHead {
  const [first = "", ...lines] = head.split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: |$)/.exec(first)?.[1];
  if (status === undefined) {
    const shown = JSON.stringify(first.slice(0, 80));
    throw new SessionError("SESSION_PROTOCOL", `Cannot read the server's answer: it is ${shown}`);
  }
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0)
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  return { statusCode: Number(status), headers };
}

/** Takes bytes off a socket until an answer is whole, and gives back what it did not use. */
class AnswerReader {
  readonly #socket: TLSSocket;
  readonly #stop: AbortSignal;
  readonly #signal: AbortSignal | undefined;
  readonly #timeoutMs: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(
    socket: TLSSocket,
    options: { readonly signal?: AbortSignal; readonly timeoutMs: number },
  ) {
    this.#socket = socket;
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs;
    const timeout = AbortSignal.timeout(options.timeoutMs);
    this.#stop = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  }

  async readHead(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf(HEAD_END);
      if (end !== -1) {
        const head = this.#rest.toString("latin1", 0, end);
        this.#rest = this.#rest.subarray(end + HEAD_END.length);
        return head;
      }
      if (!(await this.#more())) {
        throw new SessionError(
          "SESSION_LOST",
          "Cannot upgrade the connection: the server closed it",
        );
      }
    }
  }

  /** Text of an error answer; as much as came when the connection ends early. */
  async readBody(headers: ReadonlyMap<string, string>): Promise<string> {
    if (headers.get("transfer-encoding")?.toLowerCase() === "chunked")
      return await this.#readChunked();
    const length = Number(headers.get("content-length") ?? ANSWER_BYTES_MAX);
    while (this.#rest.length < length && (await this.#more()));
    return this.#rest.toString("utf8", 0, Math.min(length, this.#rest.length));
  }

  /** Stops reading; unused bytes are back in the socket's buffer. */
  release(): void {
    if (this.#rest.length > 0 && !this.#socket.destroyed) this.#socket.unshift(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  async #readChunked(): Promise<string> {
    let text = "";
    for (;;) {
      const lineEnd = this.#rest.indexOf("\r\n");
      const size =
        lineEnd === -1 ? -1 : Number.parseInt(this.#rest.toString("latin1", 0, lineEnd), 16);
      if (size === 0 || Number.isNaN(size)) return text;
      if (size > 0 && this.#rest.length >= lineEnd + 2 + size + 2) {
        text += this.#rest.toString("utf8", lineEnd + 2, lineEnd + 2 + size);
        this.#rest = this.#rest.subarray(lineEnd + 2 + size + 2);
      } else if (!(await this.#more())) return text;
    }
  }

  /** Waits for more bytes; `false` when the peer has ended or the answer is too long. */
  async #more(): Promise<boolean> {
    if (this.#rest.length > ANSWER_BYTES_MAX) return false;
    const part = await this.#next();
    if (part === null) return false;
    this.#rest = Buffer.concat([this.#rest, part]);
    return true;
  }

  async #next(): Promise<Buffer | null> {
    const socket = this.#socket;
    for (;;) {
      if (this.#stop.aborted) throw this.#stopReason();
      const part: unknown = socket.read();
      if (Buffer.isBuffer(part)) return part;
      if (socket.readableEnded || socket.destroyed) return null;
      await this.#readable();
    }
  }

  async #readable(): Promise<void> {
    const socket = this.#socket;
    const stop = this.#stop;
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        for (const name of ["readable", "end", "close"]) socket.off(name, onProgress);
        socket.off("error", onError);
        stop.removeEventListener("abort", onProgress);
      };
      const onProgress = (): void => {
        settle();
        resolve();
      };
      const onError = (cause: Error): void => {
        settle();
        const message = "Cannot upgrade the connection: it broke";
        reject(new SessionError("SESSION_LOST", message, { cause }));
      };
      for (const name of ["readable", "end", "close"]) socket.on(name, onProgress);
      socket.on("error", onError);
      stop.addEventListener("abort", onProgress);
    });
  }

  #stopReason(): unknown {
    if (this.#signal?.aborted === true) return this.#signal.reason;
    return new SessionError(
      "SESSION_TIMEOUT",
      `Cannot upgrade the connection: no answer within ${this.#timeoutMs} ms`,
    );
  }
}

import { type Readable } from "node:stream";
import { type TLSSocket } from "node:tls";

import { ApiError } from "./api-error.ts";
import { Http1AnswerReader, parseAnswerHead } from "./http1-answer.ts";
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

/**
 * Asks for the upgrade and waits until the connection speaks HTTP/2.
 *
 * The answer is parsed here, not by the HTTP client of Node.js, since servers before 3.1.5 leave out the `Connection`
 * header, which that client takes for an ordinary answer (spec backup-protocol.md §2.1, Trap 2). Bytes after the
 * answer's head belong to HTTP/2 and stay in the stream they came from. The socket is destroyed when this fails.
 *
 * @throws {ApiError} the server's refusal; {@link SessionError} `SESSION_PROTOCOL`, `SESSION_LOST`, `SESSION_TIMEOUT`.
 */
export async function upgradeConnection(
  socket: TLSSocket,
  request: UpgradeRequest,
  options: {
    readonly signal?: AbortSignal;
    readonly timeoutMs: number;
    /** What comes on the socket, if that is not in the socket's own stream. */
    readonly input?: Readable;
  },
): Promise<void> {
  socket.write(renderRequest(request));
  using reader = new Http1AnswerReader(options.input ?? socket, options);
  try {
    const head = await reader.readHead();
    const answer = parseAnswerHead(head);
    if (answer.statusCode !== 101) {
      throw new ApiError(answer.statusCode, await reader.readBody(answer.headers));
    }
    const protocol = answer.headers.get("upgrade");
    if (protocol !== undefined && protocol !== request.protocol) {
      const message = `Cannot upgrade the connection: the server switched to "${protocol}"`;
      throw new SessionError("SESSION_PROTOCOL", message);
    }
  } catch (error) {
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

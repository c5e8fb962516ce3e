import { connect, type Socket } from "node:net";

import { Http1AnswerReader, parseAnswerHead } from "./http1-answer.ts";
import { bracketed } from "./repository.ts";
import { SessionError } from "./session-error.ts";

/** An HTTP proxy that opens connections on request. */
export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** Value of `Proxy-Authorization`, when the proxy wants to know who asks. */
  readonly authorization?: string;
}

/** Port of a proxy that is given without one. */
const PROXY_PORT = 1080;

const PROXY_PATTERN =
  /^(?:http:\/\/)?(?:(?<user>[^@/]*)@)?(?<host>\[[0-9a-fA-F:.]+\]|[^:/@\s]+)(?::(?<port>\d{1,5}))?\/?$/;

/**
 * Parses `[http://][user:password@]host[:port]` (spec auth.md §11.2).
 *
 * @throws {SessionError} `SESSION_UNREACHABLE`; user and password are not repeated.
 */
export function parseProxy(text: string): HttpProxy {
  const { user, host, port } = PROXY_PATTERN.exec(text)?.groups ?? {};
  const portNumber = Number(port ?? PROXY_PORT);
  if (host === undefined || portNumber < 1 || portNumber > 65535) {
    throw new SessionError(
      "SESSION_UNREACHABLE",
      "Cannot use the proxy of the environment: the form is [http://][user:password@]host[:port]",
    );
  }
  const secret = user === undefined ? undefined : Buffer.from(decodeURIComponent(user));
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: portNumber,
    ...(secret ? { authorization: `Basic ${secret.toString("base64")}` } : {}),
  };
}

/**
 * Asks a proxy for a connection to a server.
 *
 * @returns The connection, on which nothing has been said to the server yet.
 * @throws {SessionError} `SESSION_UNREACHABLE` with the proxy's answer; the signal's reason when aborted.
 */
export async function openTunnel(
  proxy: HttpProxy,
  target: { readonly host: string; readonly port: number },
  options: { readonly signal?: AbortSignal; readonly timeoutMs: number },
): Promise<Socket> {
  const name = `${bracketed(target.host)}:${target.port}`;
  const socket = connect({ host: proxy.host, port: proxy.port });
  const authorization =
    proxy.authorization === undefined ? "" : `Proxy-Authorization: ${proxy.authorization}\r\n`;
  socket.write(`CONNECT ${name} HTTP/1.1\r\nHost: ${name}\r\n${authorization}\r\n`);
  using reader = new Http1AnswerReader(socket, options);
  try {
    const { statusCode } = parseAnswerHead(await reader.readHead());
    if (statusCode >= 200 && statusCode <= 299) return socket;
    throw new Error(`the proxy answered with status ${statusCode}`);
  } catch (cause) {
    socket.on("error", () => undefined);
    socket.destroy();
    options.signal?.throwIfAborted();
    const message = `Cannot connect to "${name}" through the proxy "${bracketed(proxy.host)}:${proxy.port}"`;
    throw new SessionError("SESSION_UNREACHABLE", message, { cause });
  }
}

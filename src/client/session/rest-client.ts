import { type IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { type Duplex } from "node:stream";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { ApiError } from "./api-error.ts";
import { type QueryValue, renderQuery } from "./answer-to.ts";
import { parseWholeAnswer, type WholeAnswer } from "./server-answer.ts";
import { bracketed } from "./repository.ts";
import { SessionError } from "./session-error.ts";
import { CONNECT_TIMEOUT_MS, connectTls, type Endpoint } from "./connect-tls.ts";
import { type TrustPolicy } from "./trust-policy.ts";

/** Method of an API call. */
export type ApiMethod = "GET" | "POST" | "PUT" | "DELETE";

/** Parameters of an API call; members that are undefined are left out. */
export type ApiParameters = Readonly<Record<string, QueryValue | undefined>>;

/** Options of one API call. */
export interface ApiOptions {
  readonly signal?: AbortSignal;
  /** Authentication headers; none for the login itself. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What this client calls itself; a constant, as the official one does (spec auth.md §11.4). */
export const USER_AGENT = "proxmox-backup-client/1.0";

/** Time for one ordinary call from start to end (spec auth.md §11.4). */
const CALL_TIMEOUT_MS = 120_000;

/** Idle time after which a kept connection is closed, so that nothing is sent into one that the server is closing. */
const IDLE_TIMEOUT_MS = 4_000;

/** Longest answer of an ordinary call in bytes; ours, enough for a listing of some hundred thousand snapshots. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Ordinary API calls over HTTP/1.1 with kept connections.
 *
 * `POST` sends its parameters as JSON, all others in the query (spec auth.md §11.4). Redirects are not followed.
 */
export class RestClient implements Disposable {
  readonly #endpoint: Endpoint;
  readonly #agent: Agent;
  readonly #stop = new AbortController();

  constructor(endpoint: Endpoint, trust: TrustPolicy) {
    this.#endpoint = endpoint;
    this.#agent = Object.assign(new Agent({ keepAlive: true, timeout: IDLE_TIMEOUT_MS }), {
      createConnection: (_options: unknown, done: SocketDone): undefined => {
        const { signal } = this.#stop;
        connectTls(endpoint, trust, { timeoutMs: CONNECT_TIMEOUT_MS, signal }).then(
          (socket) => {
            done(null, socket);
          },
          (error: unknown) => {
            done(error instanceof Error ? error : new Error(String(error)));
          },
        );
        return undefined;
      },
    });
  }

  /**
   * Calls the API.
   *
   * @param path Path below `/api2/json/`, its parts already percent-encoded.
   * @returns The `data` member of the answer.
   * @throws {ApiError} the server's refusal; {@link SessionError}; the signal's reason when aborted.
   */
  async call(
    method: ApiMethod,
    path: string,
    parameters: ApiParameters,
    options: ApiOptions,
  ): Promise<unknown> {
    return (await this.callWhole(method, path, parameters, options)).data;
  }

  /** Like {@link call}, but with what stands beside `data`, for example the `total` of a listing. */
  async callWhole(
    method: ApiMethod,
    path: string,
    parameters: ApiParameters,
    options: ApiOptions,
  ): Promise<WholeAnswer> {
    const given = Object.fromEntries(
      Object.entries(parameters).filter(
        (entry): entry is [string, QueryValue] => entry[1] !== undefined,
      ),
    );
    const isJson = method === "POST" && Object.keys(given).length > 0;
    const query = isJson ? "" : renderQuery(given);
    const answer = await this.#exchange(
      {
        method,
        path: `/api2/json/${path}${query === "" ? "" : `?${query}`}`,
        headers: {
          "User-Agent": USER_AGENT,
          "Content-Type": isJson ? "application/json" : "application/x-www-form-urlencoded",
          ...options.headers,
        },
        body: isJson ? JSON.stringify(given) : "",
      },
      options.signal,
    );
    return contentOf(answer, `${method} ${path}`);
  }

  /**
   * Sends bytes to the API, with the parameters in the query.
   *
   * @param body Borrowed.
   * @throws {ApiError} {@link SessionError}, as {@link call}.
   */
  async upload(
    path: string,
    parameters: Readonly<Record<string, QueryValue>>,
    body: Uint8Array,
    options: ApiOptions,
  ): Promise<void> {
    const answer = await this.#exchange(
      {
        method: "POST",
        path: `/api2/json/${path}?${renderQuery(parameters)}`,
        headers: {
          "User-Agent": USER_AGENT,
          "Content-Type": "application/octet-stream",
          ...options.headers,
        },
        body,
      },
      options.signal,
    );
    contentOf(answer, `POST ${path}`);
  }

  /** Closes the kept connections; calls that are running fail. */
  [Symbol.dispose](): void {
    this.#stop.abort(new SessionError("SESSION_LOST", "The client was closed"));
    this.#agent.destroy();
  }

  async #exchange(
    call: {
      readonly method: ApiMethod;
      readonly path: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string | Uint8Array;
    },
    signal: AbortSignal | undefined,
  ): Promise<{ readonly statusCode: number; readonly body: Uint8Array }> {
    const { host, port } = this.#endpoint;
    using limit = abortOnAny([signal], { timeoutMs: CALL_TIMEOUT_MS });
    const stop = limit.signal;
    try {
      stop.throwIfAborted();
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = httpsRequest({
          host,
          port,
          method: call.method,
          path: call.path,
          agent: this.#agent,
          signal: stop,
          headers: {
            Host: `${bracketed(host)}:${port}`,
            ...call.headers,
            ...(call.body.length === 0 ? {} : { "Content-Length": Buffer.byteLength(call.body) }),
          },
        });
        request.on("response", resolve);
        request.on("error", reject);
        // A request that waits for its connection does not notice the signal by itself.
        stop.addEventListener("abort", () => {
          reject(stop.reason instanceof Error ? stop.reason : new Error(String(stop.reason)));
        });
        request.end(call.body);
      });
      return { statusCode: response.statusCode ?? 0, body: await readBody(response) };
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      if (limit.isTimedOut) {
        const message = `Cannot call ${call.method} ${call.path}: no answer within ${CALL_TIMEOUT_MS} ms`;
        throw new SessionError("SESSION_TIMEOUT", message, { cause: error });
      }
      if (error instanceof SessionError) throw error;
      const message = `Cannot call ${call.method} ${pathOnly(call.path)}: the connection failed`;
      throw new SessionError("SESSION_LOST", message, { cause: error });
    }
  }
}

function contentOf(
  { statusCode, body }: { readonly statusCode: number; readonly body: Uint8Array },
  what: string,
): WholeAnswer {
  if (statusCode !== 200) throw new ApiError(statusCode, new TextDecoder().decode(body));
  return parseWholeAnswer(body, what);
}

/** How an agent is told about a connection. */
type SocketDone = (error: Error | null, socket?: Duplex) => void;

function pathOnly(path: string): string {
  return path.split("?")[0] ?? path;
}

async function readBody(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response) {
    if (!Buffer.isBuffer(part)) continue;
    size += part.length;
    if (size > ANSWER_BYTES_MAX) {
      const message = `Cannot read the answer: it is longer than ${ANSWER_BYTES_MAX} bytes`;
      throw new SessionError("SESSION_PROTOCOL", message);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

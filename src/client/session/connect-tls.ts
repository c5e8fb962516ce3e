import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { connect, rootCertificates, type TLSSocket } from "node:tls";

import { type Fingerprint, parseFingerprint } from "../../format/crypto/fingerprint.ts";
import { type HttpProxy, openTunnel } from "./open-tunnel.ts";
import { bracketed } from "./repository.ts";
import { SessionError } from "./session-error.ts";
import { type SocketInput } from "./socket-input.ts";
import { judgeFingerprint, type TrustPolicy } from "./trust-policy.ts";

/** Where a server listens. */
export interface Endpoint {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Asked to make the connection, if there is one. */
  readonly proxy?: HttpProxy;
}

/** Options of one connection. */
export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Where what comes is to go, if not into the socket's stream. */
  readonly input?: SocketInput;
  /**
   * Milliseconds for name lookup, TCP and TLS together, in which this process runs; {@link CONNECT_TIMEOUT_MS} at the edge.
   */
  readonly timeoutMs: number;
}

/** Time that a connection may take to come up (spec auth.md §11.4). */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Looks at a connection that is coming up, before it is given up. Between two of them the event loop has turned, so an answer that
 * was there is read: time in which this process did not run (or the machine slept) counts as one look at most.
 */
const CONNECT_TICKS = 20;

/** Idle time after which TCP looks whether the peer is still there (spec auth.md §11.4). */
const KEEP_ALIVE_MS = 120_000;

/** Bundles of authorities that distributions install; the first that exists counts. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

/**
 * Opens a TLS connection to a server that is proven to be the right one before anything is sent.
 *
 * A certificate that an authority of Node.js or of the system vouches for, and that names the host, is accepted; any
 * other is judged by its fingerprint (spec auth.md §10). No protocol is negotiated, so the peer speaks HTTP/1.1.
 *
 * @throws {SessionError} `SESSION_UNREACHABLE`, `SESSION_UNTRUSTED`; the signal's reason when aborted.
 */
export async function connectTls(
  endpoint: Endpoint,
  trust: TrustPolicy,
  options: ConnectOptions,
): Promise<TLSSocket> {
  const socket = await openSocket(endpoint, options, undefined);
  if (socket.authorized) return socket;
  socket.on("error", () => undefined); // It may break while somebody is asked; without a listener that ends the process.
  try {
    const actual = leafFingerprint(socket, endpoint);
    const expected = trust.expected ?? (await trust.known.find(endpoint.host));
    if (expected === actual) return socket;
    if (await isVouchedBySystem(endpoint, options)) return socket;
    await judgeFingerprint(trust, endpoint.host, actual);
    options.signal?.throwIfAborted();
    if (socket.errored) throw unreachable(endpoint, socket.errored);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function openSocket(
  endpoint: Endpoint,
  options: ConnectOptions,
  authorities: string[] | undefined,
): Promise<TLSSocket> {
  const { host, port } = endpoint;
  const { signal, timeoutMs, input } = options;
  signal?.throwIfAborted();
  const tunnel = endpoint.proxy ? await openTunnel(endpoint.proxy, endpoint, options) : undefined;
  return await new Promise<TLSSocket>((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(tunnel ? { socket: tunnel } : {}),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(authorities === undefined ? {} : { ca: authorities }),
      // Over a socket that is there already, Node.js does not heed it: then the stream is read.
      ...(input && !tunnel ? { onread: input.onread } : {}),
      rejectUnauthorized: false, // The certificate is judged in connectTls, before the first byte is sent.
      minVersion: "TLSv1.2",
    });
    const settle = (): void => {
      clearInterval(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      socket.off("close", onClose);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on("error", () => undefined);
      socket.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onError = (cause: Error): void => {
      fail(unreachable(endpoint, cause));
    };
    const onClose = (): void => {
      fail(unreachable(endpoint, new Error("the peer closed the connection")));
    };
    const onAbort = (): void => {
      fail(signal?.reason);
    };
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      if (ticks < CONNECT_TICKS) return;
      fail(unreachable(endpoint, new Error(`no answer within ${timeoutMs} ms`)));
    }, timeoutMs / CONNECT_TICKS);
    signal?.addEventListener("abort", onAbort, { once: true });
    input?.follow(socket);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("secureConnect", () => {
      settle();
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** Asks a second time with the system's authorities, which Node.js does not read by itself. */
async function isVouchedBySystem(endpoint: Endpoint, options: ConnectOptions): Promise<boolean> {
  const bundle = await readSystemBundle();
  if (bundle === undefined) return false;
  const { signal, timeoutMs } = options;
  const again = signal ? { signal, timeoutMs } : { timeoutMs };
  const socket = await openSocket(endpoint, again, [...rootCertificates, bundle]);
  const isAuthorized = socket.authorized;
  socket.destroy();
  return isAuthorized;
}

async function readSystemBundle(): Promise<string | undefined> {
  for (const path of systemBundles) {
    try {
      return await readFile(path, "utf8");
    } catch {
      continue; // Another distribution's place.
    }
  }
  return undefined;
}

function leafFingerprint(socket: TLSSocket, endpoint: Endpoint): Fingerprint {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) {
    throw new SessionError("SESSION_UNTRUSTED", `Cannot trust "${endpoint.host}": no certificate`);
  }
  return parseFingerprint(certificate.fingerprint256);
}

function unreachable({ host, port }: Endpoint, cause: Error): SessionError {
  return new SessionError("SESSION_UNREACHABLE", `Cannot connect to "${bracketed(host)}:${port}"`, {
    cause,
  });
}

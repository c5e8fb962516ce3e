import {
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import { type AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { createServer, type TLSSocket } from "node:tls";

import { makeSelfSignedCertificate } from "../../src/server/tls/self-signed-certificate.ts";
import { X509Certificate } from "node:crypto";

/** What a test decides about a {@link FakeBackupServer}. */
export interface FakeServerBehaviour {
  /** Answers one request inside a session. */
  onStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void;
  /** Answers the HTTP/1.1 request head; by default the switch to HTTP/2. */
  onHead?: (head: string, body: string, socket: TLSSocket) => "upgrade" | "answered";
  /** Head of the 101 answer. */
  upgradeHead?: string;
  /** Settings besides its own. */
  settings?: Settings;
}

/** A server that speaks TLS and HTTP/2 but knows only what a test tells it. */
export interface FakeBackupServer {
  readonly port: number;
  readonly fingerprint: string;
  readonly behaviour: FakeServerBehaviour;
  /** Heads of all HTTP/1.1 requests so far. */
  readonly heads: string[];
  /** Makes the server deaf on every connection, without ending it. */
  freezeConnections(): void;
  /** Ends every connection as one that is over. */
  endConnections(): void;
  /** Breaks every connection. */
  dropConnections(): void;
  close(): Promise<void>;
}

const defaultUpgradeHead = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";

/** Starts a fake on a free port. */
export async function startFakeServer(
  behaviour: FakeServerBehaviour = {},
): Promise<FakeBackupServer> {
  const certificate = await makeSelfSignedCertificate({
    commonName: "fake",
    alternativeNames: ["localhost"],
    notBeforeSec: 0,
    notAfterSec: 4_000_000_000,
  });
  const sockets = new Set<TLSSocket>();
  const sessions = new Set<ServerHttp2Session>();
  const heads: string[] = [];
  const server = createServer(
    { key: certificate.keyPem, cert: certificate.certificatePem },
    (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => undefined);
      let text = "";
      const onData = (part: Buffer): void => {
        text += part.toString("latin1");
        for (;;) {
          const end = text.indexOf("\r\n\r\n");
          if (end === -1) return;
          const head = text.slice(0, end);
          const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
          if (text.length < end + 4 + length) return;
          const body = text.slice(end + 4, end + 4 + length);
          text = text.slice(end + 4 + length);
          heads.push(head);
          if (behaviour.onHead?.(head, body, socket) === "answered") continue;
          socket.off("data", onData);
          sessions.add(serveSession(socket, behaviour));
          return;
        }
      };
      socket.on("data", onData);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    fingerprint: new X509Certificate(certificate.certificatePem).fingerprint256.toLowerCase(),
    behaviour,
    heads,
    freezeConnections() {
      for (const socket of sockets) socket.removeAllListeners("data");
    },
    endConnections() {
      for (const socket of sockets) socket.end();
    },
    dropConnections() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends the 101 and the first HTTP/2 frame in one TLS record, which real servers may do too. */
function serveSession(socket: TLSSocket, behaviour: FakeServerBehaviour): ServerHttp2Session {
  const pipe = new Duplex({
    read: () => undefined,
    write: (part: Buffer, _encoding, done) => void socket.write(part, done),
    final: (done) => void socket.end(done),
  });
  socket.on("data", (part) => pipe.push(part));
  socket.on("close", () => pipe.destroy());
  socket.cork();
  socket.write(behaviour.upgradeHead ?? defaultUpgradeHead);
  const session = performServerHandshake(pipe, {
    settings: { initialWindowSize: 16 << 20, ...behaviour.settings },
  });
  setTimeout(() => {
    socket.uncork();
  }, 5);
  session.on("error", () => undefined);
  session.on("stream", (stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => behaviour.onStream?.(stream, headers, Buffer.concat(parts)));
  });
  return session;
}

/** Answers a request inside a session. */
export function reply(stream: ServerHttp2Stream, body: Uint8Array | string, status = 200): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": status });
  stream.end(body);
}

/** Text of an HTTP/1.1 answer. */
export function http1Answer(status: number, body: string): string {
  return `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

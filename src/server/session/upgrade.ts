import { performServerHandshake, type ServerHttp2Session } from "node:http2";

import { type FastifyReply, type FastifyRequest } from "fastify";

import { refused } from "../http/api-error.ts";
import { upgradeOffer, type UpgradeOffer } from "../http/upgrade-offer.ts";

/** Receive window of a connection in bytes (spec backup-protocol.md §2.5). */
const CONNECTION_WINDOW_BYTES = 32 * 1024 * 1024;

/** Longest frame we take, as the genuine server (spec backup-protocol.md §2.5). */
const FRAME_BYTES_MAX = 4 * 1024 * 1024;

/** Requests one client may have open; the official client opens dozens. */
const STREAMS_MAX = 256;

/** Memory one connection may take in Node's HTTP/2 code, in MB; its default ends connections with parallel uploads. */
const SESSION_MEMORY_MB = 512;

/**
 * Demands that a request is an upgrade to a protocol.
 *
 * @throws {ApiError} `API_REFUSED` with the protocol's texts (spec backup-protocol.md §2.2).
 */
export function requireUpgrade(request: FastifyRequest, protocol: string): UpgradeOffer {
  const wanted = request.headers.upgrade;
  if (wanted === undefined) throw refused("missing Upgrade header");
  if (wanted !== protocol) throw refused("invalid protocol name");
  const offer = upgradeOffer(request.raw);
  if (!offer) throw refused("missing Upgrade header");
  return offer;
}

/** What a connection becomes. */
export interface Http2Options {
  /** As the client asked for it. */
  readonly protocol: string;
  /** Receive window of every stream in bytes. */
  readonly bodyWindowBytes: number;
}

/**
 * Answers 101 and turns the connection into an HTTP/2 server session.
 *
 * The session must not start before the 101 has been written: Node aborts the whole process when it does
 * (design: HTTP/2 after upgrade).
 *
 * @param reply Of a handler that returns `ANSWERED`.
 * @returns The session, or `undefined` when the client went away meanwhile.
 */
export async function upgradeConnection(
  reply: FastifyReply,
  offer: UpgradeOffer,
  { protocol, bodyWindowBytes }: Http2Options,
): Promise<ServerHttp2Session | undefined> {
  const response = reply.raw;
  response.detachSocket(reply.request.raw.socket);
  const socket = offer.front.release(offer.head);
  socket.on("error", ignoreError);
  const isWritten = await new Promise<boolean>((resolve) => {
    socket.once("close", () => {
      resolve(false);
    });
    const head = `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`;
    socket.write(head, (error) => {
      resolve(!error);
    });
  });
  if (!isWritten || socket.destroyed) {
    socket.destroy();
    return undefined;
  }
  const session = performServerHandshake(socket, {
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: {
      initialWindowSize: bodyWindowBytes,
      maxFrameSize: FRAME_BYTES_MAX,
      maxConcurrentStreams: STREAMS_MAX,
    },
  });
  session.on("error", ignoreError);
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  return session;
}

/** Every error is followed by `close`, which is what sessions act on. */
function ignoreError(): void {
  // Nothing to do.
}

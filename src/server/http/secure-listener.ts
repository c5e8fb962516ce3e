import { type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { createServer, type SecureContextOptions, type TLSSocket } from "node:tls";

import { ConfigError } from "../configuration/config-error.ts";
import { type Certificate } from "../tls/self-signed-certificate.ts";
import { FrontConnection } from "./front-connection.ts";
import { openDoors, type Doors } from "./open-doors.ts";

/** Connections one server takes. */
const CONNECTIONS_MAX = 10_000;

/** Milliseconds that a request which is being answered gets when the server stops. */
const GRACE_MS = 3000;

/** Milliseconds for a TLS handshake. */
const HANDSHAKE_TIMEOUT_MS = 30_000;

/** A listening port. */
export interface SecureListener {
  readonly port: number;
  /** Shows another certificate to new connections. */
  useCertificate(certificate: Certificate): void;
  /** Takes no new connections; those that are there go on. */
  stopAccepting(): void;
  /** Stops listening, lets requests that are being answered end, and closes every connection. */
  close(): Promise<void>;
}

/**
 * Listens for TLS 1.3 connections and hands them to an HTTP server that does not listen itself.
 *
 * @throws {ConfigError} `CONFIG_CONFLICT` for an address that is in use or not this machine's.
 */
export async function listenSecurely(
  server: Server,
  certificate: Certificate,
  address: { readonly host: string; readonly port: number },
): Promise<SecureListener> {
  const connections = new Map<TLSSocket, FrontConnection>();
  // It does not listen itself, so that several connections are taken in one turn.
  const tls = createServer(
    {
      ...contextOf(certificate),
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
    (socket) => {
      connections.set(socket, FrontConnection.attach(socket, server));
      socket.once("close", () => connections.delete(socket));
    },
  );
  tls.on("tlsClientError", (_error, socket) => {
    socket.destroy();
  });
  let doors: Doors;
  try {
    doors = await openDoors(address, {
      connectionsMax: CONNECTIONS_MAX,
      onConnection: (socket) => tls.emit("connection", socket),
    });
  } catch (cause) {
    const detail = `the system does not let this server listen on "${address.host}:${address.port}"`;
    throw new ConfigError("CONFIG_CONFLICT", "listen", detail, { cause });
  }
  return {
    port: doors.port,
    useCertificate: (next) => {
      tls.setSecureContext(contextOf(next));
    },
    stopAccepting: () => {
      doors.close();
    },
    close: async () => {
      doors.close();
      await Promise.all(
        [...connections].map(async ([socket, front]) => {
          await Promise.race([front.whenIdle(), delay(GRACE_MS, undefined, { ref: false })]);
          socket.destroy();
        }),
      );
      // Whoever is in the middle of a TLS handshake, or has not begun one.
      doors.cut();
      await doors.closed;
    },
  };
}

function contextOf({ keyPem, certificatePem }: Certificate): SecureContextOptions {
  return { key: keyPem, cert: certificatePem, minVersion: "TLSv1.3" };
}

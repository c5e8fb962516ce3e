import { once } from "node:events";
import { type Server } from "node:http";
import { createServer, type TLSSocket } from "node:tls";

import { type Certificate } from "../tls/self-signed-certificate.ts";
import { FrontConnection } from "./front-connection.ts";

/** Connections one server takes; beyond it new ones are closed at once. */
const CONNECTIONS_MAX = 10_000;

/** Milliseconds for a TLS handshake. */
const HANDSHAKE_TIMEOUT_MS = 30_000;

/** A listening port. */
export interface SecureListener {
  readonly port: number;
  /** Stops listening and closes every connection that is still open. */
  close(): Promise<void>;
}

/** Listens for TLS 1.3 connections and hands them to an HTTP server that does not listen itself. */
export async function listenSecurely(
  server: Server,
  certificate: Certificate,
  address: { readonly host: string; readonly port: number },
): Promise<SecureListener> {
  const sockets = new Set<TLSSocket>();
  const listener = createServer(
    {
      key: certificate.keyPem,
      cert: certificate.certificatePem,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
    (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      FrontConnection.attach(socket, server);
    },
  );
  listener.maxConnections = CONNECTIONS_MAX;
  listener.on("tlsClientError", (_error, socket) => {
    socket.destroy();
  });
  listener.listen(address);
  await once(listener, "listening");
  const bound = listener.address();
  if (bound === null || typeof bound === "string") throw new TypeError("no TCP port");
  return {
    port: bound.port,
    close: async () => {
      const closed = once(listener, "close");
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

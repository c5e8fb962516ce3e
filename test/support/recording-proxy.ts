import { once } from "node:events";
import { type AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";

import { systemClock } from "../../src/format/clock.ts";
import { makeSelfSignedCertificate } from "../../src/server/tls/self-signed-certificate.ts";

/** Stands between a browser and a server, and keeps every byte that the browser sends. */
export interface RecordingProxy extends AsyncDisposable {
  readonly port: number;
  /** What was sent so far, decrypted, of all connections. */
  sent(): Buffer;
}

/** Starts a proxy before the port of a server, with a certificate of its own. */
export async function startRecordingProxy(serverPort: number): Promise<RecordingProxy> {
  const { keyPem, certificatePem } = await makeSelfSignedCertificate({
    commonName: "localhost",
    alternativeNames: ["127.0.0.1"],
    notBeforeSec: systemClock.nowSec() - 60,
    notAfterSec: systemClock.nowSec() + 86_400,
  });
  const sent: Buffer[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key: keyPem, cert: certificatePem }, (client) => {
    const upstream = connect({ port: serverPort, host: "127.0.0.1", rejectUnauthorized: false });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (piece: Buffer) => sent.push(piece));
    client.pipe(upstream).pipe(client);
  });
  server.listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => Buffer.concat(sent),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

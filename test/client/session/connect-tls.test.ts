import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";

import { expect } from "chai";

import { connectTls } from "../../../src/client/session/connect-tls.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import { SocketInput } from "../../../src/client/session/socket-input.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import { startFakeServer } from "../../support/fake-backup-server.ts";
import { rejection } from "../../support/rejection.ts";
import { makeTestCertificate } from "../../support/test-certificate.ts";

const known = fingerprintsFile("/nowhere");
const noFingerprint = (): Promise<undefined> => Promise.resolve(undefined);
const remembersNothing = (): Promise<void> => Promise.resolve();

describe("client/session/connect-tls", () => {
  it("does not count time in which the process was held up", async () => {
    const fake = await startFakeServer();
    const endpoint = { host: "127.0.0.1", port: fake.port };
    const expected = parseFingerprint(fake.fingerprint);

    const connecting = connectTls(endpoint, { expected, known }, { timeoutMs: 400 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    const socket = await connecting;

    expect(socket.encrypted).to.equal(true);
    socket.destroy();
    await fake.close();
  });

  it("gives up on a server that takes the connection and says nothing", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;

    const error = await rejection(
      connectTls({ host: "127.0.0.1", port }, { known }, { timeoutMs: 40 }),
    );

    expect(error).to.have.property("code", "SESSION_UNREACHABLE");
    expect(error).to.have.nested.property("cause.message", "no answer within 40 ms");
    silent.close();
  });

  describe("while somebody is asked whether to trust the server", () => {
    let port: number;
    let close: () => void;
    /** The first is the one that is judged. */
    let sockets: Socket[];
    let onSecure: (socket: TLSSocket) => void;

    beforeEach(async () => {
      const { keyPem: key, certificatePem: cert } = await makeTestCertificate();
      onSecure = () => undefined;
      sockets = [];
      const server = createTlsServer({ key, cert }, (socket) => {
        socket.on("error", () => undefined);
        onSecure(socket);
      });
      server.on("connection", (socket: Socket) => sockets.push(socket));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      ({ port } = server.address() as AddressInfo);
      close = () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      };
    });

    afterEach(() => {
      close();
    });

    it("fails if the connection breaks", async () => {
      const confirm = async (): Promise<boolean> => {
        sockets[0]?.resetAndDestroy();
        // Whoever comes back from the network twice has seen what came before.
        for (let i = 0; i < 2; i++) {
          const other = connect(port, "127.0.0.1");
          await once(other, "connect");
          other.destroy();
        }
        return true;
      };

      const error = await rejection(
        connectTls(
          { host: "127.0.0.1", port },
          { known: { find: noFingerprint, store: remembersNothing }, confirm },
          { timeoutMs: 5000 },
        ),
      );

      expect(error).to.have.property("code", "SESSION_UNREACHABLE");
      expect(error).to.have.nested.property("cause.code", "ECONNRESET");
    });

    it("keeps little of what comes meanwhile, and lets go of a server that goes on", async () => {
      const input = new SocketInput();
      onSecure = (socket) => {
        const flood = (): void => {
          while (socket.writable && socket.write(Buffer.alloc(65_536)));
        };
        socket.on("drain", flood);
        flood();
      };
      const confirm = async (): Promise<boolean> => {
        const [judged] = sockets;
        if (judged?.destroyed === false) await once(judged, "close");
        return true;
      };

      const error = await rejection(
        connectTls(
          { host: "127.0.0.1", port },
          { known: { find: noFingerprint, store: remembersNothing }, confirm },
          { timeoutMs: 5000, input },
        ),
      );

      expect(error).to.have.property("code", "SESSION_UNREACHABLE");
      expect(error)
        .to.have.nested.property("cause.message")
        .that.includes("more than it was asked");
      expect(input.early.readableLength).to.be.at.most(256 * 1024);
    });
  });
});

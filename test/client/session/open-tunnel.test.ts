import { type AddressInfo, connect, createServer, type Server } from "node:net";

import { expect } from "chai";

import { connectTls } from "../../../src/client/session/connect-tls.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import { parseProxy } from "../../../src/client/session/open-tunnel.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import { ReadingConnection } from "../../../src/client/session/reading-connection.ts";
import { SocketInput } from "../../../src/client/session/socket-input.ts";
import { upgradeConnection } from "../../../src/client/session/upgrade-connection.ts";
import { type FakeBackupServer, reply, startFakeServer } from "../../support/fake-backup-server.ts";
import { readerUpgrade } from "../../support/reader-upgrade.ts";
import { rejection } from "../../support/rejection.ts";
import { thrown } from "../../support/thrown.ts";

describe("client/session/open-tunnel", () => {
  let fake: FakeBackupServer;
  let proxy: Server;
  let proxyPort: number;
  let asked: string[];

  beforeEach(async () => {
    asked = [];
    fake = await startFakeServer();
    proxy = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (part: Buffer) => {
        const head = part.toString();
        asked.push(head);
        if (!head.includes("Proxy-Authorization: Basic Ym9iOnNlY3JldA==")) {
          socket.end("HTTP/1.1 407 Who are you\r\n\r\n");
          return;
        }
        const target = connect(fake.port, "127.0.0.1");
        target.on("error", () => undefined);
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        socket.pipe(target).pipe(socket);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    proxyPort = (proxy.address() as AddressInfo).port;
  });

  afterEach(async () => {
    await fake.close();
    proxy.close();
  });

  async function open(proxyText: string, input?: SocketInput) {
    return await connectTls(
      { host: "backup.example.org", port: 8007, proxy: parseProxy(proxyText) },
      { expected: parseFingerprint(fake.fingerprint), known: fingerprintsFile("/nowhere") },
      { timeoutMs: 5_000, ...(input ? { input } : {}) },
    );
  }

  it("reaches a server through a proxy that wants a password", async () => {
    const socket = await open(`http://bob:secret@127.0.0.1:${proxyPort}`);

    expect(asked[0]).to.match(/^CONNECT backup\.example\.org:8007 HTTP\/1\.1\r\n/);
    socket.destroy();
  });

  it("reads from a session through the proxy", async () => {
    fake.behaviour.onStream = (stream) => {
      reply(stream, Buffer.alloc(3 << 20, 7));
    };
    const input = new SocketInput();

    const socket = await open(`http://bob:secret@127.0.0.1:${proxyPort}`, input);
    await upgradeConnection(socket, readerUpgrade, { timeoutMs: 5_000, input: input.early });
    const connection = new ReadingConnection({ socket, input, authority: "backup.example.org" });
    const answer = await connection.request({ path: "/chunk", answerBytesMax: 3 << 20 });

    expect(Buffer.from(answer).equals(Buffer.alloc(3 << 20, 7))).to.equal(true);
    connection.destroy();
  });

  it("says what the proxy answered", async () => {
    const error = await rejection(open(`127.0.0.1:${proxyPort}`));

    expect(error).to.have.property("code", "SESSION_UNREACHABLE");
    expect(error).to.have.nested.property("cause.message", "the proxy answered with status 407");
  });

  for (const [text, host, port] of [
    ["proxy", "proxy", 1080],
    ["http://proxy.example.org:3128/", "proxy.example.org", 3128],
    ["[fd00::1]:3128", "fd00::1", 3128],
  ] as const) {
    it(`reads "${text}"`, () => {
      expect(parseProxy(text)).to.deep.equal({ host, port });
    });
  }

  it("does not repeat the password of a proxy that it cannot understand", () => {
    const error = thrown(() => parseProxy("socks5://bob:secret@proxy"));

    expect((error as Error).message).not.to.include("secret");
  });
});

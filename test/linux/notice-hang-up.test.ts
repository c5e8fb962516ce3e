import { once } from "node:events";
import { performServerHandshake, type ServerHttp2Session } from "node:http2";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { expect } from "chai";

import { noticeHangUp } from "../../src/linux/notice-hang-up.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

/** Frames after which nghttp2 says GOAWAY and reads no more. */
const brokenRules = {
  "data for a stream that was never opened": Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 1, 0x78]),
  "a continuation of nothing": Buffer.from([0, 0, 1, 9, 0, 0, 0, 0, 0, 0x78]),
  "headers that cannot be decoded": Buffer.from([0, 0, 2, 1, 4, 0, 0, 0, 1, 0xff, 0xff]),
};

/** Waits for a GOAWAY (frame type 7). */
async function goaway(client: Socket): Promise<void> {
  let bytes = Buffer.alloc(0);
  for await (const piece of client.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, piece]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      if (bytes[3] === 7) return;
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
    }
  }
  throw new Error("the connection ended without a GOAWAY");
}

describe("linux/notice-hang-up", () => {
  let server: Server;
  let client: Socket;
  let session: ServerHttp2Session;
  let watch: Disposable;

  beforeEach(async () => {
    server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [socket]: Socket[] = await once(server, "connection");
    if (!socket) throw new TypeError("a connection comes with its socket");
    session = performServerHandshake(socket);
    session.on("error", () => undefined);
    client.write(Buffer.concat([PREFACE, SETTINGS]));
  });

  afterEach(() => {
    watch[Symbol.dispose]();
    session.destroy();
    client.destroy();
    server.close();
  });

  for (const [rule, frame] of Object.entries(brokenRules)) {
    it(`ends the session of a client that hung up after it sent ${rule}`, async () => {
      watch = noticeHangUp(session, 10);
      const closed = once(session, "close");

      client.write(frame);
      await goaway(client);
      client.end();
      await closed;

      expect(session.destroyed).to.equal(true);
    });
  }

  it("leaves a client alone that is only quiet", async () => {
    watch = noticeHangUp(session, 1);
    await once(session, "remoteSettings");

    const ping = once(client, "data");
    session.ping(() => undefined);
    await ping;

    expect(session.closed || session.destroyed).to.equal(false);
  });
});

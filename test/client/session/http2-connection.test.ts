import { type TLSSocket } from "node:tls";

import { expect } from "chai";

import { Http2Connection } from "../../../src/client/session/http2-connection.ts";
import { itIsASessionConnection } from "../../contract/session-connection.contract.ts";
import { type FakeBackupServer, reply } from "../../support/fake-backup-server.ts";
import { upgradedSocket } from "../../support/reader-upgrade.ts";
import { rejection } from "../../support/rejection.ts";

/** Frames after which a client says GOAWAY and reads no more. */
const brokenRules = {
  "data for a stream that was never opened": Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 2, 0x78]),
  "a continuation of nothing": Buffer.from([0, 0, 1, 9, 0, 0, 0, 0, 0, 0x78]),
  "headers that cannot be decoded": Buffer.from([0, 0, 2, 1, 4, 0, 0, 0, 1, 0xff, 0xff]),
};

/** Switches to HTTP/2, takes a stream, answers it with a broken frame, and hangs up when the client has complained. */
function breakRules(socket: TLSSocket, frame: Buffer): void {
  socket.removeAllListeners("data");
  socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])); // SETTINGS
  let bytes = Buffer.alloc(0);
  let isPrefaceGone = false;
  socket.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    if (!isPrefaceGone && bytes.length >= 24) {
      bytes = bytes.subarray(24);
      isPrefaceGone = true;
    }
    while (isPrefaceGone && bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      if (bytes[3] === HEADERS) socket.write(frame);
      if (bytes[3] === GOAWAY) socket.end();
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
    }
  });
}

const HEADERS = 1;
const GOAWAY = 7;

async function openOn(server: FakeBackupServer): Promise<Http2Connection> {
  return new Http2Connection(await upgradedSocket(server), "127.0.0.1", { lookEveryMs: 20 });
}

describe("client/session/http2-connection", () => {
  const fake = itIsASessionConnection(openOn);

  it("sends and receives 4 MiB in parallel", async () => {
    fake().behaviour.onStream = (stream, _headers, body) => {
      reply(stream, body);
    };
    const connection = await openOn(fake());
    const bodies = Array.from({ length: 8 }, (_, i) => new Uint8Array(4 << 20).fill(i));

    const answers = await Promise.all(
      bodies.map((body) =>
        connection.request({ method: "POST", path: "/echo", body, answerBytesMax: 4 << 20 }),
      ),
    );

    expect(answers.every((answer, i) => Buffer.from(answer).equals(bodies[i]!))).to.equal(true);
    connection.destroy();
  });

  it("sends a body that lies in shared memory", async () => {
    fake().behaviour.onStream = (stream, _headers, body) => {
      reply(stream, body);
    };
    const connection = await openOn(fake());
    const body = new Uint8Array(new SharedArrayBuffer(100_000)).fill(7);

    const answer = await connection.request({
      method: "POST",
      path: "/echo",
      body,
      answerBytesMax: 100_000,
    });

    expect(Buffer.from(answer).equals(Buffer.alloc(100_000, 7))).to.equal(true);
    connection.destroy();
  });

  for (const [rule, frame] of Object.entries(brokenRules)) {
    it(`fails an upload when the server hangs up after it sent ${rule}`, async () => {
      fake().behaviour.onHead = (_head, _body, socket) => {
        breakRules(socket, frame);
        return "answered";
      };
      const connection = await openOn(fake());

      const upload = connection.request({
        method: "POST",
        path: "/dynamic_chunk",
        body: new Uint8Array(4 << 20),
        answerBytesMax: 9,
      });
      const error = await rejection(upload);

      expect(error).to.have.property("code", "SESSION_LOST");
      expect(error).to.have.property("message", "The connection to the server ended early");
      expect(connection.isOpen).to.equal(false);
    });
  }
});

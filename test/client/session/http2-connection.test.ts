import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TLSSocket } from "node:tls";

import { expect } from "chai";

import { connectTls } from "../../../src/client/session/connect-tls.ts";
import { Http2Connection } from "../../../src/client/session/http2-connection.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import { type TrustPolicy } from "../../../src/client/session/trust-policy.ts";
import { upgradeConnection } from "../../../src/client/session/upgrade-connection.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import {
  type FakeBackupServer,
  http1Answer,
  reply,
  startFakeServer,
} from "../../support/fake-backup-server.ts";
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

describe("client/session/http2-connection", () => {
  let folder: string;
  let server: FakeBackupServer;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "amber-http2-"));
    server = await startFakeServer();
  });

  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  function trust(): TrustPolicy {
    return {
      expected: parseFingerprint(server.fingerprint),
      known: fingerprintsFile(join(folder, "fingerprints")),
    };
  }

  async function open(): Promise<Http2Connection> {
    const endpoint = { host: "127.0.0.1", port: server.port };
    const socket = await connectTls(endpoint, trust(), { timeoutMs: 5000 });
    await upgradeConnection(
      socket,
      {
        path: "/api2/json/reader?store=tank",
        protocol: "proxmox-backup-reader-protocol-v1",
        authority: `127.0.0.1:${server.port}`,
        headers: {},
      },
      { timeoutMs: 5000 },
    );
    return new Http2Connection(socket, `127.0.0.1:${server.port}`, { lookEveryMs: 20 });
  }

  it("speaks HTTP/2 when the first frames come in the record of the 101 answer", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, "pong");
    };

    const connection = await open();

    expect(
      Buffer.from(
        await connection.request({ method: "GET", path: "/ping", answerBytesMax: 10 }),
      ).toString(),
    ).to.equal("pong");
    connection.destroy();
  });

  it("accepts a 101 answer without a Connection header", async () => {
    server.behaviour.upgradeHead = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    server.behaviour.onStream = (stream) => {
      reply(stream, "");
    };

    const connection = await open();

    expect(
      await connection.request({ method: "GET", path: "/", answerBytesMax: 0 }),
    ).to.have.length(0);
    connection.destroy();
  });

  it("reports a refused upgrade with the server's words", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write(http1Answer(400, "no such datastore 'tank'"));
      return "answered";
    };

    const error = await rejection(open());

    expect(error).to.include({ code: "REFUSED_REQUEST", statusCode: 400 });
    expect(error).to.have.property("message", "no such datastore 'tank'");
  });

  it("reads a refusal that comes in chunks", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfor\r\n");
      socket.write("6\r\nbidden\r\n0\r\n\r\n");
      return "answered";
    };

    expect(await rejection(open())).to.include({ code: "REFUSED_FORBIDDEN", message: "forbidden" });
  });

  it("refuses an answer that is not HTTP", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write("SSH-2.0-OpenSSH\r\n\r\n");
      return "answered";
    };

    expect(await rejection(open())).to.have.property("code", "SESSION_PROTOCOL");
  });

  it("notices that the server closes during the upgrade", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.end();
      return "answered";
    };

    expect(await rejection(open())).to.have.property("code", "SESSION_LOST");
  });

  it("sends and receives 4 MiB in parallel", async () => {
    server.behaviour.onStream = (stream, _headers, body) => {
      reply(stream, body);
    };
    const connection = await open();
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
    server.behaviour.onStream = (stream, _headers, body) => {
      reply(stream, body);
    };
    const connection = await open();
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

  it("refuses an answer longer than allowed", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, Buffer.alloc(101));
    };
    const connection = await open();

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 100 }),
    );

    expect(error).to.have.property("code", "SESSION_PROTOCOL");
    connection.destroy();
  });

  it("turns another status into the server's words", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, "no such chunk", 400);
    };
    const connection = await open();

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 1 }),
    );

    expect(error).to.include({ statusCode: 400, message: "no such chunk" });
    connection.destroy();
  });

  it("fails open requests with SESSION_LOST when the connection breaks in an answer", async () => {
    server.behaviour.onStream = (stream) => {
      stream.respond({ ":status": 200 });
      stream.write("half", () => {
        server.dropConnections();
      });
    };
    const connection = await open();

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 100 }),
    );

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(
      await rejection(connection.request({ method: "GET", path: "/x", answerBytesMax: 1 })),
    ).to.have.property("code", "SESSION_LOST");
  });

  it("gives up on a request after its time", async () => {
    const connection = await open();

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 1, timeoutMs: 20 }),
    );

    expect(error).to.have.property("code", "SESSION_TIMEOUT");
    connection.destroy();
  });

  it("ends a request with the reason of its signal", async () => {
    const stop = new AbortController();
    server.behaviour.onStream = () => {
      stop.abort(new Error("changed my mind"));
    };
    const connection = await open();

    const error = await rejection(
      connection.request({
        method: "GET",
        path: "/x",
        answerBytesMax: 1,
        signal: stop.signal,
      }),
    );

    expect(error).to.equal(stop.signal.reason);
    connection.destroy();
  });

  it("ends a connection on which nothing comes any more", async () => {
    const connection = await open();
    connection.endOnSilence(80);
    server.freezeConnections();

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 1 }),
    );

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(error).to.have.nested.property("cause.message").that.includes("silent");
  });

  it("keeps a connection whose server takes its time", async () => {
    const connection = await open();
    connection.endOnSilence(80);
    server.behaviour.onStream = (stream) => {
      setTimeout(() => {
        reply(stream, "late");
      }, 400);
    };

    const answer = await connection.request({ method: "GET", path: "/x", answerBytesMax: 9 });

    expect(Buffer.from(answer).toString()).to.equal("late");
    connection.destroy();
  });

  for (const [rule, frame] of Object.entries(brokenRules)) {
    it(`fails an upload when the server hangs up after it sent ${rule}`, async () => {
      server.behaviour.onHead = (_head, _body, socket) => {
        breakRules(socket, frame);
        return "answered";
      };
      const connection = await open();

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

  it("takes many requests with one signal without a warning", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, "");
    };
    const connection = await open();
    const { signal } = new AbortController();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.name);
    };
    process.on("warning", onWarning);

    const request = { method: "GET", path: "/x", answerBytesMax: 0, signal } as const;
    await Promise.all(Array.from({ length: 30 }, () => connection.request(request)));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    connection.destroy();

    expect(warnings).to.deep.equal([]);
  });
});

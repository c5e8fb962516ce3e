import { expect } from "chai";

import { type ReadRequest } from "../../src/client/session/answer-to.ts";
import {
  type FakeBackupServer,
  http1Answer,
  reply,
  startFakeServer,
} from "../support/fake-backup-server.ts";
import { rejection } from "../support/rejection.ts";

/** What connections of sessions have in common. */
export interface SessionConnection {
  readonly isOpen: boolean;
  request(request: ReadRequest & { readonly method: "GET" }): Promise<Uint8Array>;
  destroy(): void;
}

/**
 * Declares what every connection inside a session must do.
 *
 * @param openOn Connects to the server, and upgrades.
 * @returns The server of the test that is running.
 */
export function itIsASessionConnection(
  openOn: (server: FakeBackupServer) => Promise<SessionConnection>,
): () => FakeBackupServer {
  let server: FakeBackupServer;

  beforeEach(async () => {
    server = await startFakeServer();
  });

  afterEach(async () => {
    await server.close();
  });

  it("speaks HTTP/2 when the first frames come in the record of the 101 answer", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, "pong");
    };

    const connection = await openOn(server);

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

    const connection = await openOn(server);

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

    const error = await rejection(openOn(server));

    expect(error).to.include({ code: "REFUSED_REQUEST", statusCode: 400 });
    expect(error).to.have.property("message", "no such datastore 'tank'");
  });

  it("reads a refusal that comes in chunks", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfor\r\n");
      socket.write("6\r\nbidden\r\n0\r\n\r\n");
      return "answered";
    };

    expect(await rejection(openOn(server))).to.include({
      code: "REFUSED_FORBIDDEN",
      message: "forbidden",
    });
  });

  it("refuses an answer that is not HTTP", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write("SSH-2.0-OpenSSH\r\n\r\n");
      return "answered";
    };

    expect(await rejection(openOn(server))).to.have.property("code", "SESSION_PROTOCOL");
  });

  it("notices that the server closes during the upgrade", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.end();
      return "answered";
    };

    expect(await rejection(openOn(server))).to.have.property("code", "SESSION_LOST");
  });

  it("asks a server that keeps no table of headers and takes one request at once", async () => {
    server.behaviour.settings = { headerTableSize: 0, maxConcurrentStreams: 1 };
    server.behaviour.onStream = (stream) => {
      reply(stream, "pong");
    };
    const connection = await openOn(server);

    const answers: string[] = [];
    for (let i = 0; i < 3; i++) {
      const request = { method: "GET", path: "/ping", answerBytesMax: 9, timeoutMs: 5000 } as const;
      answers.push(Buffer.from(await connection.request(request)).toString());
    }

    expect(answers).to.deep.equal(["pong", "pong", "pong"]);
    connection.destroy();
  });

  it("fails a request alone for which there is no memory", async () => {
    server.behaviour.onStream = (stream, headers) => {
      stream.respond({
        ":status": 200,
        ...(headers[":path"] === "/told" ? { "content-length": 4 } : {}),
      });
      stream.end("pong");
    };
    const connection = await openOn(server);
    const request = { method: "GET", answerBytesMax: 9, timeoutMs: 5000 } as const;
    const allocate = (): Uint8Array => {
      throw new RangeError("Array buffer allocation failed");
    };

    for (const path of ["/told", "/untold"]) {
      expect(await rejection(connection.request({ ...request, path, allocate }))).to.be.instanceOf(
        RangeError,
      );
    }
    const answer = await connection.request({ ...request, path: "/told" });

    expect(Buffer.from(answer).toString()).to.equal("pong");
    connection.destroy();
  });

  it("refuses an answer longer than allowed", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, Buffer.alloc(101));
    };
    const connection = await openOn(server);

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
    const connection = await openOn(server);

    const error = await rejection(
      connection.request({ method: "GET", path: "/x", answerBytesMax: 1 }),
    );

    expect(error).to.include({ statusCode: 400, message: "no such chunk" });
    connection.destroy();
  });

  for (const how of ["break", "end"] as const) {
    it(`fails open requests with SESSION_LOST when the connection ${how}s in an answer`, async () => {
      server.behaviour.onStream = (stream) => {
        stream.respond({ ":status": 200 });
        stream.write("half", () => {
          if (how === "break") server.dropConnections();
          else server.endConnections();
        });
      };
      const connection = await openOn(server);

      const error = await rejection(
        connection.request({ method: "GET", path: "/x", answerBytesMax: 100 }),
      );

      expect(error).to.have.property("code", "SESSION_LOST");
      expect(
        await rejection(connection.request({ method: "GET", path: "/x", answerBytesMax: 1 })),
      ).to.have.property("code", "SESSION_LOST");
    });
  }

  it("gives up on a request after its time", async () => {
    const connection = await openOn(server);

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
    const connection = await openOn(server);

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

  it("takes many requests with one signal without a warning", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, "");
    };
    const connection = await openOn(server);
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

  it("receives 4 MiB eight times at once, in the memory that is offered", async () => {
    server.behaviour.onStream = (stream, headers) => {
      reply(stream, Buffer.alloc(4 << 20, Number(headers[":path"]?.slice(1))));
    };
    const connection = await openOn(server);
    const memories = Array.from(
      { length: 8 },
      () => new Uint8Array(new SharedArrayBuffer(4 << 20)),
    );

    const answers = await Promise.all(
      memories.map((memory, i) =>
        connection.request({
          method: "GET",
          path: `/${i}`,
          answerBytesMax: 4 << 20,
          allocate: () => memory,
        }),
      ),
    );

    for (const [i, answer] of answers.entries()) {
      expect(answer.buffer).to.equal(memories[i]?.buffer);
      expect(Buffer.from(answer).equals(Buffer.alloc(4 << 20, i))).to.equal(true);
    }
    connection.destroy();
  });

  it("receives more than a window has room for", async () => {
    server.behaviour.onStream = (stream) => {
      reply(stream, Buffer.alloc(40 << 20, 5));
    };
    const connection = await openOn(server);

    const answer = await connection.request({
      method: "GET",
      path: "/x",
      answerBytesMax: 64 << 20,
    });

    expect(Buffer.from(answer).equals(Buffer.alloc(40 << 20, 5))).to.equal(true);
    connection.destroy();
  });

  it("goes on with other requests after one was given up", async () => {
    server.behaviour.onStream = (stream, headers) => {
      if (headers[":path"] === "/slow") {
        stream.respond({ ":status": 200 });
        stream.write(Buffer.alloc(1 << 20));
      } else reply(stream, "pong");
    };
    const connection = await openOn(server);

    const slow = { method: "GET", path: "/slow", answerBytesMax: 2 << 20, timeoutMs: 20 } as const;
    await rejection(connection.request(slow));
    const answer = await connection.request({ method: "GET", path: "/ping", answerBytesMax: 9 });

    expect(Buffer.from(answer).toString()).to.equal("pong");
    connection.destroy();
  });

  it("makes more requests at once than a server takes, with heads of many lengths", async () => {
    server.behaviour.onStream = (stream, headers) => {
      stream.respond({ ":status": 200, "x-path": headers[":path"], "content-length": 2 });
      stream.end("ok");
    };
    const connection = await openOn(server);

    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        connection.request({ method: "GET", path: `/${"x".repeat(i)}`, answerBytesMax: 2 }),
      ),
    );

    expect(
      answers.map((answer) => Buffer.from(answer).toString()).every((text) => text === "ok"),
    ).to.equal(true);
    connection.destroy();
  });

  return () => server;
}

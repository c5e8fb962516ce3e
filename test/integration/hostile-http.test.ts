import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect } from "chai";

import { eventually } from "../support/eventually.ts";
import {
  rawCall,
  rawConnect,
  type RawSession,
  rawUpgrade,
  readAnswer,
  upgradeHead,
} from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";
import { chunkA, chunkQuery } from "../support/transcript.ts";

const WRITER = "proxmox-backup-protocol-v1";

describe("integration/hostile-http", () => {
  let server: TestServer;
  let time = 1_719_000_000;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  afterEach("the server still serves", async () => {
    expect((await rawCall(server.port, "GET /api2/json/ping")).text).to.equal(
      '{"data":{"pong":true}}',
    );
    await eventually(async () => (await runningTasks()) === 0);
  });

  function head(id: string): string {
    time += 1;
    const path = `/api2/json/backup?store=store1&backup-type=host&backup-id=${id}&backup-time=${time}`;
    return upgradeHead(server.port, path, WRITER, { authorization: server.authorization });
  }

  async function open(id: string): Promise<RawSession> {
    const result = await rawUpgrade(server.port, head(id));
    if (!("session" in result)) throw new Error(result.refusal.text);
    return result.session;
  }

  async function runningTasks(): Promise<number> {
    const answer = await rawCall(server.port, "GET /api2/json/nodes/localhost/tasks?running=1", {
      headers: { authorization: server.authorization },
    });
    return (JSON.parse(answer.text) as { data: unknown[] }).data.length;
  }

  it("survives garbage in place of the HTTP/2 preface", async () => {
    const socket = await rawConnect(server.port);
    socket.write(head("garbage"));
    await readAnswer(socket);

    socket.write(Buffer.alloc(100_000, "x"));
    socket.resume();

    await once(socket, "close");
  });

  it("survives garbage that comes with the upgrade request", async () => {
    const socket = await rawConnect(server.port);
    socket.write(Buffer.concat([Buffer.from(head("garbage2")), Buffer.alloc(1000, 0xff)]));
    socket.resume();

    await once(socket, "close");
  });

  it("survives clients that leave in the middle of the upgrade", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = await rawConnect(server.port);
      socket.write(head(`flood-${i % 7}`));
      if (i % 2 === 0) socket.destroy();
      else socket.end();
    }
  });

  it("survives a flood of upgrades of one group", async () => {
    const sockets = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const socket = await rawConnect(server.port);
        socket.write(head("same"));
        return socket;
      }),
    );
    const answers = await Promise.all(sockets.map(async (socket) => await readAnswer(socket)));

    expect(answers.filter(({ status }) => status === 101)).to.have.length(1);
    expect(answers.filter(({ status }) => status === 400)).to.have.length(29);
    for (const socket of sockets) socket.destroy();
  });

  it("survives uploads that stop in the middle", async () => {
    for (let i = 0; i < 5; i++) {
      const session = await open("half");
      await session.call("POST /dynamic_index?archive-name=a.didx");
      const stream = session.http2.request({
        ":method": "POST",
        ":path": `/dynamic_chunk?${chunkQuery(chunkA, 1)}`,
      });
      stream.on("error", () => undefined);
      stream.write(chunkA.blob.subarray(0, 50_000));
      await session.call("GET /previous_backup_time");
      await session.close();
      await eventually(async () => (await runningTasks()) === 0);
    }
  });

  it("gives the memory of uploads back that were given up", async () => {
    const session = await open("budget");
    await session.call("POST /dynamic_index?archive-name=a.didx");
    // Each announces 16 MiB: together more than the server has for uploads.
    const size = 16 * 1024 * 1024;
    for (let i = 0; i < 20; i++) {
      const query = `wid=1&digest=${chunkA.digest}&size=${size}&encoded-size=${size}`;
      const stream = session.http2.request({
        ":method": "POST",
        ":path": `/dynamic_chunk?${query}`,
      });
      stream.on("error", () => undefined);
      stream.write(Buffer.alloc(1000));
      setImmediate(() => {
        stream.close(8);
      });
    }

    const upload = `POST /dynamic_chunk?${chunkQuery(chunkA, 1)}`;
    expect((await session.call(upload, chunkA.blob)).status).to.equal(200);
    await session.close();
  });

  it("refuses bodies that are too large, and goes on", async () => {
    const answer = await rawCall(server.port, "PUT /api2/json/access/acl", {
      headers: { authorization: server.authorization, "content-type": "application/json" },
      body: Buffer.alloc(600 * 1024, 0x20),
    });

    expect(`${answer.status} ${answer.text}`).to.equal("400 Request body too large");
  });

  it("refuses paths that are too long, climb, or have a broken escape", async () => {
    const call = async (path: string): Promise<number> => {
      const headers = { authorization: server.authorization };
      return (await rawCall(server.port, `GET ${path}`, { headers })).status;
    };

    expect(await call(`/api2/json/version?x=${"a".repeat(4000)}`)).to.equal(414);
    expect(await call("/api2/json/admin/datastore/../status")).to.equal(400);
    expect(await call("/api2/json/admin/datastore/%2e%2e/status")).to.equal(400);
    expect(await call("/api2/json/admin/datastore/%zz/status")).to.equal(400);
    expect(await call("/api2/xml/version")).to.equal(400);
    expect(await call("/nothing")).to.equal(404);
  });

  it("refuses JSON that is no object, and takes null for no parameters", async () => {
    const call = async (body: string): Promise<string> => {
      const headers = { authorization: server.authorization, "content-type": "application/json" };
      const answer = await rawCall(server.port, "PUT /api2/json/access/acl", { headers, body });
      return `${answer.status} ${answer.text.slice(0, 40)}`;
    };

    expect(await call("[]")).to.match(/^400 /);
    expect(await call('"x"')).to.match(/^400 /);
    expect(await call("{")).to.match(/^400 /);
    expect(await call("null")).to.match(/^400 parameter verification failed/);
    expect(await call('{"__proto__":{"path":"/"}}')).to.match(/^400 parameter verification/);
  });

  it("refuses TLS before 1.3", async () => {
    const options = { port: server.port, host: "127.0.0.1", rejectUnauthorized: false } as const;
    const socket = connectTls({ ...options, maxVersion: "TLSv1.2" });

    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];

    expect(error.code).to.match(/TLSV1_ALERT_PROTOCOL_VERSION/);
  });

  it("closes connections that speak no TLS", async () => {
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    socket.resume();

    await once(socket, "close");
  });

  it("survives nonsense instead of a request", async () => {
    const socket = await rawConnect(server.port);
    socket.write("\0\0\0 nonsense\r\n\r\n\r\n\r\n");

    const answer = await readAnswer(socket);

    expect(answer.status).to.equal(400);
    socket.destroy();
  });

  it("holds refusals of credentials back", async () => {
    await using strict = await startTestServer({ unauthenticatedDelayMs: 400 });
    const start = performance.now();

    const answer = await rawCall(strict.port, "GET /api2/json/version");

    expect(answer.status).to.equal(401);
    expect(performance.now() - start).to.be.above(390);
  });

  it("serves others while a request is half sent", async () => {
    const socket = await rawConnect(server.port);
    socket.write("GET /api2/json/version HTT");

    expect((await rawCall(server.port, "GET /api2/json/ping")).status).to.equal(200);
    socket.destroy();
  });
});

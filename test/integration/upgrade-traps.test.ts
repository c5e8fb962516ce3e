import { once } from "node:events";
import { expect } from "chai";

import { rawConnect, RawSession, readAnswer, upgradeHead } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const WRITER = "proxmox-backup-protocol-v1";
const PREFACE = Buffer.from(
  "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000",
  "hex",
);

describe("integration/upgrade-traps", () => {
  let server: TestServer;
  let time = 1_719_000_000;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  function path(id: string): string {
    time += 1;
    return `/api2/json/backup?store=store1&backup-type=host&backup-id=${id}&backup-time=${time}`;
  }

  async function upgrade(head: string | Buffer): Promise<RawSession> {
    const socket = await rawConnect(server.port);
    socket.write(head);
    return await finishUpgrade(socket);
  }

  async function finishUpgrade(
    socket: Awaited<ReturnType<typeof rawConnect>>,
  ): Promise<RawSession> {
    const answer = await readAnswer(socket);
    expect(answer.status, answer.text).to.equal(101);
    expect(answer.headers).to.include({ connection: "upgrade", upgrade: WRITER });
    if (answer.rest.length > 0) socket.unshift(answer.rest);
    return new RawSession(socket);
  }

  async function works(session: RawSession): Promise<void> {
    expect((await session.call("GET /previous_backup_time")).text).to.equal('{"data":null}');
    await session.close();
  }

  it("upgrades old clients that send no Connection header", async () => {
    const head = upgradeHead(server.port, path("old"), WRITER, {
      authorization: server.authorization,
    });

    await works(await upgrade(head.replace("connection: upgrade\r\n", "")));
  });

  it("upgrades old clients that log in on the same connection first", async () => {
    const socket = await rawConnect(server.port);
    const body = JSON.stringify({ username: server.user, password: server.password });
    socket.write(
      `POST //api2/json/access/ticket HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const login = JSON.parse((await readAnswer(socket)).text) as { data: { ticket: string } };

    const cookie = `PBSAuthCookie=${login.data.ticket}`;
    const head = upgradeHead(server.port, `/${path("login")}`, WRITER, { cookie });
    socket.write(head.replace("connection: upgrade\r\n", ""));

    await works(await finishUpgrade(socket));
  });

  it("sees a head that comes byte by byte", async () => {
    const { authorization } = server;
    const head = upgradeHead(server.port, path("bytes"), WRITER, { authorization });
    const socket = await rawConnect(server.port);
    for (const byte of Buffer.from(head.replace("connection: upgrade\r\n", ""))) {
      socket.write(Buffer.of(byte));
    }

    await works(await finishUpgrade(socket));
  });

  it("upgrades clients that send no Host header", async () => {
    const { authorization } = server;
    const head = upgradeHead(server.port, path("hostless"), WRITER, { authorization });

    await works(await upgrade(head.replace(/^host: .*\r\n/m, "")));
  });

  it("ignores parameters of newer clients", async () => {
    const { authorization } = server;
    const head = upgradeHead(server.port, `${path("newer")}&no-cache=true&x=1`, WRITER, {
      authorization,
    });

    await works(await upgrade(head));
  });

  it("takes a preface that comes in the same packet as the request", async () => {
    const { authorization } = server;
    const head = upgradeHead(server.port, path("eager"), WRITER, { authorization });
    const socket = await rawConnect(server.port);
    socket.write(Buffer.concat([Buffer.from(head), PREFACE]));
    const answer = await readAnswer(socket);
    expect(answer.status).to.equal(101);

    // A SETTINGS frame and its acknowledgement: the engine has seen the preface.
    let bytes = answer.rest;
    while (!bytes.includes(Buffer.from("000000040100000000", "hex"))) {
      socket.resume();
      const [more] = (await once(socket, "data")) as [Buffer];
      bytes = Buffer.concat([bytes, more]);
    }
    expect(bytes[3]).to.equal(4);
    socket.destroy();
  });

  it("never changes a body that looks like an upgrade request", async () => {
    const { authorization } = server;
    const inner = upgradeHead(server.port, path("body"), WRITER, {}).replace(
      "connection: upgrade\r\n",
      "",
    );
    const socket = await rawConnect(server.port);
    const body = JSON.stringify({ path: "/", role: inner });
    socket.write(
      `PUT /api2/json/access/acl HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);

    const answer = await readAnswer(socket);

    expect(answer.status).to.equal(400);
    expect(answer.text).to.match(/'role': value 'GET /);
    socket.destroy();
  });

  it("answers an upgrade to something else like an ordinary request", async () => {
    const socket = await rawConnect(server.port);
    socket.write(
      "GET /api2/json/ping HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
    );

    const answer = await readAnswer(socket);

    expect(answer.text).to.equal('{"data":{"pong":true}}');
    socket.destroy();
  });

  it("answers the extjs form with status 200 and the reason inside", async () => {
    const { authorization } = server;
    const head = upgradeHead(
      server.port,
      path("x").replace("json", "extjs").replace("store=store1", "store=nowhere"),
      WRITER,
      { authorization },
    );
    const socket = await rawConnect(server.port);
    socket.write(head);

    const answer = await readAnswer(socket);

    expect(answer.status).to.equal(200);
    expect(JSON.parse(answer.text)).to.deep.equal({
      success: false,
      status: 400,
      message: "no such datastore 'nowhere'",
      errors: {},
    });
    socket.destroy();
  });
});

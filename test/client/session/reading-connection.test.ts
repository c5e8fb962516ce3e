import { expect } from "chai";

import { connectTls } from "../../../src/client/session/connect-tls.ts";
import { ReadingConnection } from "../../../src/client/session/reading-connection.ts";
import { SocketInput } from "../../../src/client/session/socket-input.ts";
import { upgradeConnection } from "../../../src/client/session/upgrade-connection.ts";
import { itIsASessionConnection } from "../../contract/session-connection.contract.ts";
import { type FakeBackupServer, reply, startFakeServer } from "../../support/fake-backup-server.ts";
import { readerUpgrade, trustIn } from "../../support/reader-upgrade.ts";
import { rejection } from "../../support/rejection.ts";

async function openOn(server: FakeBackupServer): Promise<ReadingConnection> {
  const endpoint = { host: "127.0.0.1", port: server.port };
  const input = new SocketInput();
  const socket = await connectTls(endpoint, trustIn(server), { timeoutMs: 5000, input });
  await upgradeConnection(socket, readerUpgrade, { timeoutMs: 5000, input: input.early });
  return new ReadingConnection({ socket, input, authority: "127.0.0.1" });
}

describe("client/session/reading-connection", () => {
  itIsASessionConnection(openOn);

  let server: FakeBackupServer;

  beforeEach(async () => {
    server = await startFakeServer();
  });

  afterEach(async () => {
    await server.close();
  });

  it("ends a connection on which nothing comes any more", async () => {
    const connection = await openOn(server);
    connection.endOnSilence(80);
    server.freezeConnections();

    const error = await rejection(connection.request({ path: "/x", answerBytesMax: 1 }));

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(error).to.have.nested.property("cause.message").that.includes("silent");
  });

  it("keeps a connection whose server takes its time", async () => {
    const connection = await openOn(server);
    connection.endOnSilence(80);
    server.behaviour.onStream = (stream) => {
      setTimeout(() => {
        reply(stream, "late");
      }, 400);
    };

    const answer = await connection.request({ path: "/x", answerBytesMax: 9 });

    expect(Buffer.from(answer).toString()).to.equal("late");
    connection.destroy();
  });

  it("says why it is lost when the server breaks a rule", async () => {
    server.behaviour.onHead = (_head, _body, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
      return "answered";
    };
    const connection = await openOn(server);

    const error = await rejection(connection.request({ path: "/x", answerBytesMax: 1 }));

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(connection.isOpen).to.equal(false);
  });

  it("fails what was asked, and asks nothing more, once it is destroyed", async () => {
    const connection = await openOn(server);
    connection.endOnSilence(80);
    const asked = rejection(connection.request({ path: "/x", answerBytesMax: 1 }));

    connection.destroy();

    expect(await asked).to.have.property("code", "SESSION_LOST");
    expect(connection.isOpen).to.equal(false);
    expect(await rejection(connection.request({ path: "/x", answerBytesMax: 1 }))).to.have.property(
      "code",
      "SESSION_LOST",
    );
  });
});

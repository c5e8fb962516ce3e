import { expect } from "chai";

import { ReadingConnection } from "../../../src/client/session/reading-connection.ts";
import { SocketInput } from "../../../src/client/session/socket-input.ts";
import { itIsASessionConnection } from "../../contract/session-connection.contract.ts";
import { type FakeBackupServer, reply } from "../../support/fake-backup-server.ts";
import { upgradedSocket } from "../../support/reader-upgrade.ts";
import { rejection } from "../../support/rejection.ts";

async function openOn(server: FakeBackupServer): Promise<ReadingConnection> {
  const input = new SocketInput();
  const socket = await upgradedSocket(server, input);
  return new ReadingConnection({ socket, input, authority: "127.0.0.1" });
}

describe("client/session/reading-connection", () => {
  const fake = itIsASessionConnection(openOn);

  it("ends a connection on which nothing comes any more", async () => {
    const connection = await openOn(fake());
    connection.endOnSilence(80);
    fake().freezeConnections();

    const error = await rejection(connection.request({ path: "/x", answerBytesMax: 1 }));

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(error).to.have.nested.property("cause.message").that.includes("silent");
  });

  it("keeps a connection whose server takes its time", async () => {
    const connection = await openOn(fake());
    connection.endOnSilence(80);
    fake().behaviour.onStream = (stream) => {
      setTimeout(() => {
        reply(stream, "late");
      }, 400);
    };

    const answer = await connection.request({ path: "/x", answerBytesMax: 9 });

    expect(Buffer.from(answer).toString()).to.equal("late");
    connection.destroy();
  });

  it("says why it is lost when the server breaks a rule", async () => {
    fake().behaviour.onHead = (_head, _body, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
      return "answered";
    };
    const connection = await openOn(fake());

    const error = await rejection(connection.request({ path: "/x", answerBytesMax: 1 }));

    expect(error).to.have.property("code", "SESSION_LOST");
    expect(connection.isOpen).to.equal(false);
  });

  it("fails what was asked, and asks nothing more, once it is destroyed", async () => {
    const connection = await openOn(fake());
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

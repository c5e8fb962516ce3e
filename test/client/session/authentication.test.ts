import { expect } from "chai";

import { TicketAuthentication } from "../../../src/client/session/authentication.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import { RestClient } from "../../../src/client/session/rest-client.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import {
  type FakeBackupServer,
  http1Answer,
  startFakeServer,
} from "../../support/fake-backup-server.ts";
import { FakeClock } from "../../support/fake-clock.ts";

describe("client/session/authentication", () => {
  let fake: FakeBackupServer;
  let passwords: string[];
  let onLogin: () => void;

  beforeEach(async () => {
    passwords = [];
    onLogin = () => undefined;
    fake = await startFakeServer({
      onHead: (_head, body, socket) => {
        passwords.push((JSON.parse(body) as { password: string }).password);
        const ticket = `PBS:bob@pbs:${passwords.length}::x`;
        const data = { username: "bob@pbs", ticket, CSRFPreventionToken: "csrf" };
        socket.write(http1Answer(200, JSON.stringify({ data })));
        onLogin();
        return "answered";
      },
    });
  });

  afterEach(async () => {
    await fake.close();
  });

  it("exchanges the ticket again and again while it lives", async () => {
    const rest = new RestClient(
      { host: "127.0.0.1", port: fake.port },
      { expected: parseFingerprint(fake.fingerprint), known: fingerprintsFile("/nowhere") },
    );
    const login = new TicketAuthentication({
      rest,
      userId: "bob@pbs",
      askPassword: async () => await Promise.resolve("secret"),
      clock: new FakeClock(),
      refreshMs: 10,
    });
    const third = new Promise<void>((resolve) => {
      onLogin = () => {
        if (passwords.length === 3) resolve();
      };
    });

    await login.headers();
    await third;
    login[Symbol.dispose]();
    rest[Symbol.dispose]();

    expect(passwords.slice(0, 3)).to.deep.equal(["secret", "PBS:bob@pbs:1::x", "PBS:bob@pbs:2::x"]);
  });

  it("asks for one ticket when several calls begin at once", async () => {
    const rest = new RestClient(
      { host: "127.0.0.1", port: fake.port },
      { expected: parseFingerprint(fake.fingerprint), known: fingerprintsFile("/nowhere") },
    );
    const login = new TicketAuthentication({
      rest,
      userId: "bob@pbs",
      askPassword: async () => await Promise.resolve("secret"),
      clock: new FakeClock(),
      refreshMs: 60_000,
    });

    const headers = await Promise.all([login.headers(), login.headers()]);
    login[Symbol.dispose]();
    rest[Symbol.dispose]();

    expect(passwords).to.have.length(1);
    expect(headers[0]).to.deep.equal(headers[1]);
  });
});

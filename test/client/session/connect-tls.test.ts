import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

import { expect } from "chai";

import { connectTls } from "../../../src/client/session/connect-tls.ts";
import { fingerprintsFile } from "../../../src/client/session/known-fingerprints.ts";
import { parseFingerprint } from "../../../src/format/crypto/fingerprint.ts";
import { startFakeServer } from "../../support/fake-backup-server.ts";
import { rejection } from "../../support/rejection.ts";

const known = fingerprintsFile("/nowhere");

describe("client/session/connect-tls", () => {
  it("does not count time in which the process was held up", async () => {
    const fake = await startFakeServer();
    const endpoint = { host: "127.0.0.1", port: fake.port };
    const expected = parseFingerprint(fake.fingerprint);

    const connecting = connectTls(endpoint, { expected, known }, { timeoutMs: 400 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    const socket = await connecting;

    expect(socket.encrypted).to.equal(true);
    socket.destroy();
    await fake.close();
  });

  it("gives up on a server that takes the connection and says nothing", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;

    const error = await rejection(
      connectTls({ host: "127.0.0.1", port }, { known }, { timeoutMs: 40 }),
    );

    expect(error).to.have.property("code", "SESSION_UNREACHABLE");
    expect(error).to.have.nested.property("cause.message", "no answer within 40 ms");
    silent.close();
  });
});

import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { once } from "node:events";

import { expect } from "chai";

import { systemClock } from "../../../src/format/clock.ts";
import {
  type Certificate,
  makeSelfSignedCertificate,
} from "../../../src/server/tls/self-signed-certificate.ts";
import { certificateFingerprint } from "../../../src/server/tls/server-certificate.ts";
import { ApiCalls } from "../../support/api-calls.ts";
import { openSession } from "../../support/small-backup.ts";
import { rejection } from "../../support/rejection.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

const custom = "/nodes/localhost/certificates/custom";

describe("server/api certificates", () => {
  let server: TestServer;
  let api: ApiCalls;

  before(async () => {
    server = await startTestServer();
    api = new ApiCalls(server);
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function another(commonName: string): Promise<Certificate> {
    const nowSec = systemClock.nowSec();
    return await makeSelfSignedCertificate({
      commonName,
      alternativeNames: [commonName],
      notBeforeSec: nowSec - 60,
      notAfterSec: nowSec + 86_400,
    });
  }

  /** Fingerprint that a new connection sees. */
  async function shown(): Promise<string> {
    const socket = connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return certificateFingerprint(new X509Certificate(raw).toString());
  }

  it("shows an installed certificate to new connections at once, and lets sessions go on", async () => {
    const { certificatePem, keyPem } = await another("backup.example.org");
    const place = { ns: "", id: "web", timeSec: 1_717_597_476 };
    const session = await openSession(server, "backup", place, server);

    const parameters = { certificates: certificatePem, key: keyPem };
    const [info] = await api.call<{ fingerprint: string; san: string[] }[]>(
      "POST",
      custom,
      parameters,
    );

    expect(info?.san).to.deep.equal(["backup.example.org"]);
    expect(await shown()).to.equal(info?.fingerprint);
    expect((await session.call("GET /previous_backup_time")).status).to.equal(200);
    await session.close();
    expect(await readFile(join(server.configPath, "proxy.pem"), "utf8")).to.equal(certificatePem);
    const status = await api.call<{ info: { fingerprint: string } }>(
      "GET",
      "/nodes/localhost/status",
    );
    expect(status.info.fingerprint).to.equal(info?.fingerprint);
  });

  it("refuses what cannot be used, quotes nothing of it, and goes on with the old one", async () => {
    const [one, two] = await Promise.all([another("one"), another("two")]);
    const before = await shown();
    for (const [parameters, text] of [
      [{ certificates: one.certificatePem, key: two.keyPem }, /not the key of the certificate/],
      [{ certificates: one.certificatePem, key: "secret nonsense" }, /no private key/],
      [{ certificates: "nonsense", key: one.keyPem }, /it is no certificate/],
      [{ certificates: one.certificatePem }, /not the key of the certificate/],
    ] as const) {
      const { status, text: answer } = await api.answer("POST", custom, parameters);
      expect(status).to.equal(400);
      expect(answer).to.match(text);
      expect(answer).not.to.include("nonsense");
    }
    expect(await shown()).to.equal(before);
  });

  it("takes over files that somebody renewed when it is told to, but none that do not fit", async () => {
    const [one, two] = await Promise.all([another("one"), another("two")]);
    const pem = join(server.configPath, "proxy.pem");
    const key = join(server.configPath, "proxy.key");
    await writeFile(pem, one.certificatePem);
    await writeFile(key, one.keyPem);

    await server.reload();

    expect(await shown()).to.equal(certificateFingerprint(one.certificatePem));
    await writeFile(key, two.keyPem);
    expect(await rejection(server.reload())).to.have.property("code", "CONFIG_INVALID");
    expect(await shown()).to.equal(certificateFingerprint(one.certificatePem));
    await writeFile(key, one.keyPem);
  });

  it("goes back to one that it signs itself", async () => {
    const before = await shown();

    await api.call("DELETE", custom);

    expect(await shown()).not.to.equal(before);
    const [info] = await api.call<{ san: string[]; subject: string; issuer: string }[]>(
      "GET",
      "/nodes/localhost/certificates/info",
    );
    expect(info?.san).to.include("localhost");
    expect(info?.subject).to.equal(info?.issuer);
  });
});

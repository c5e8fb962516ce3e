import { X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { ConfigDirectory } from "../../../src/server/configuration/config-directory.ts";
import {
  certificateFingerprint,
  loadServerCertificate,
} from "../../../src/server/tls/server-certificate.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { rejection } from "../../support/rejection.ts";
import { tempDir } from "../../support/temp-dir.ts";

describe("server/tls/server-certificate", () => {
  it("makes a certificate for this machine, and finds it again", async () => {
    await using folder = await tempDir();
    const directory = await ConfigDirectory.open(folder.path);
    const clock = new FakeClock();

    const made = await loadServerCertificate(directory, "box.example.org", clock);
    const found = await loadServerCertificate(directory, "box.example.org", clock);

    expect(found).to.deep.equal(made);
    const certificate = new X509Certificate(made.certificatePem);
    expect(certificate.subjectAltName).to.equal(
      "DNS:box.example.org, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    expect(certificate.verify(certificate.publicKey)).to.equal(true);
    expect(certificateFingerprint(made.certificatePem)).to.equal(
      certificate.fingerprint256.toLowerCase(),
    );
  });

  it("keeps the key to the server's user", async () => {
    await using folder = await tempDir();
    const directory = await ConfigDirectory.open(folder.path);

    await loadServerCertificate(directory, "box", new FakeClock());

    expect((await stat(join(folder.path, "proxy.key"))).mode & 0o777).to.equal(0o600);
  });

  it("refuses to pair a new certificate with a key that is there", async () => {
    await using folder = await tempDir();
    const directory = await ConfigDirectory.open(folder.path);
    await directory.write("proxy.key", "some key");

    const error = await rejection(loadServerCertificate(directory, "box", new FakeClock()));

    expect(error).to.have.property("code", "CONFIG_CONFLICT");
  });
});

import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";

import { expect } from "chai";

import { listenSecurely } from "../../../src/server/http/secure-listener.ts";
import { makeSelfSignedCertificate } from "../../../src/server/tls/self-signed-certificate.ts";
import { rawCall } from "../../support/raw-client.ts";

const subject = {
  commonName: "localhost",
  alternativeNames: ["localhost"],
  notBeforeSec: 0,
  notAfterSec: 4_000_000_000,
};

describe("server/http/secure-listener", () => {
  it("closes without waiting for somebody who connected and says nothing", async () => {
    const http = createServer((_request, response) => response.end("here"));
    const certificate = await makeSelfSignedCertificate(subject);
    const listener = await listenSecurely(http, certificate, { host: "127.0.0.1", port: 0 });
    const silent = connect(listener.port, "127.0.0.1").on("error", () => undefined);
    await once(silent, "connect");
    const { text } = await rawCall(listener.port, "GET /"); // Taken after the silent one.

    await listener.close();

    expect(text).to.equal("here");
    silent.destroy();
  });
});

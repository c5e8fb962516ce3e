import { X509Certificate } from "node:crypto";
import { expect } from "chai";

import { rawCall } from "../../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

describe("server/api node", () => {
  let server: TestServer;

  before(async () => {
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function get(path: string, authorization = server.authorization): Promise<unknown> {
    const { text } = await rawCall(server.port, `GET /api2/json${path}`, {
      headers: { authorization },
    });
    return text.startsWith("{") ? (JSON.parse(text) as { data: unknown }).data : text;
  }

  it("tells the numbers of the machine that exporters read", async () => {
    const status = (await get("/nodes/localhost/status")) as Record<string, number> & {
      memory: { total: number; used: number; free: number };
      root: { total: number };
      info: { fingerprint: string };
    };

    expect(status["cpu"]).to.be.within(0, 1);
    expect(status["wait"]).to.be.within(0, 1);
    expect(status["uptime"]).to.be.above(0);
    expect(status["loadavg"]).to.have.length(3);
    expect(status.memory.used + status.memory.free).to.equal(status.memory.total);
    expect(status.root.total).to.be.above(0);
    expect(status["kversion"]).to.match(/^Linux /);
    expect(status.info.fingerprint).to.equal(server.fingerprint);
  });

  it("shows the certificate it uses", async () => {
    const [info] = (await get("/nodes/any/certificates/info")) as Record<string, string>[];

    expect(info).to.include({ filename: "proxy.pem", fingerprint: server.fingerprint });
    expect(new X509Certificate(info?.["pem"] ?? "").fingerprint256.toLowerCase()).to.equal(
      server.fingerprint,
    );
    expect(info?.["san"]).to.include("localhost");
  });

  it("tells time, zone, node and that there is no subscription", async () => {
    expect(await get("/nodes")).to.deep.equal([{ node: "localhost" }]);
    expect(await get("/nodes/localhost/time")).to.have.all.keys("timezone", "time", "localtime");
    expect(await get("/nodes/localhost/subscription")).to.include({ status: "notfound" });
  });

  it("keeps a history of the machine and of each datastore from the start", async () => {
    const node = (await get("/nodes/localhost/rrd?timeframe=hour&cf=MAX")) as object[];
    const store = (await get("/admin/datastore/store1/rrd?timeframe=month&cf=AVERAGE")) as object[];

    expect(node).to.have.length(60);
    expect(node.at(-1)).to.include.keys("time", "cpu", "loadavg", "memtotal", "total", "used");
    expect(store).to.have.length(1440);
    expect(store.at(-1)).to.include.keys("time", "total", "used", "available");
  });

  it("tells how full every datastore is, with its history", async () => {
    const [usage] = (await get("/status/datastore-usage")) as {
      store: string;
      total: number;
      history: (number | null)[];
      "history-start": number;
      "history-delta": number;
    }[];

    expect(usage).to.include({ store: "store1", "history-delta": 1800 });
    expect(usage?.history).to.have.length(1440);
    expect(usage?.history.at(-1)).to.be.within(0, 1);
    expect(usage?.history[0]).to.equal(null);
    expect(usage?.total).to.be.above(0);
  });

  it("counts who is at work in a datastore", async () => {
    expect(await get("/admin/datastore/store1/active-operations")).to.deep.equal({
      read: 0,
      write: 0,
    });
  });

  it("tells those without privilege nothing about the machine", async () => {
    const { authorization } = await otherToken(server, "RemoteAudit");

    for (const path of ["/nodes/localhost/status", "/nodes/localhost/rrd?timeframe=hour&cf=MAX"]) {
      expect(await get(path, authorization)).to.equal("permission check failed");
    }
    expect(await get("/status/datastore-usage", authorization)).to.deep.equal([]);
  });
});

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
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

  describe("settings", () => {
    const json = (text: string): Record<string, unknown> =>
      JSON.parse(text) as Record<string, unknown>;
    const call = async (line: string, body?: object): Promise<{ status: number; text: string }> => {
      const [method = "", path = ""] = line.split(" ");
      return await rawCall(server.port, `${method} /api2/json/nodes/localhost${path}`, {
        headers: { authorization: server.authorization, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    };

    it("keeps settings of the whole server in a file that knows lines and percent signs", async () => {
      const settings = { description: "100% ours\nsecond line", "task-log-max-days": 30 };
      expect((await call("PUT /config", settings)).status).to.equal(200);
      const first = json((await call("GET /config")).text);
      expect(first["data"]).to.deep.equal(settings);
      expect(await readFile(join(server.configPath, "node.cfg"), "utf8")).to.equal(
        "description: 100%25 ours%0Asecond line\ntask-log-max-days: 30\n",
      );

      const guarded = { delete: ["description"], digest: first["digest"] };
      expect((await call("PUT /config", guarded)).status).to.equal(200);
      expect((await call("PUT /config", guarded)).text).to.contain("detected modified config");
      expect(json((await call("GET /config")).text)["data"]).to.deep.equal({
        "task-log-max-days": 30,
      });
    });

    it("sets the time zone of the server, which tells time in it at once", async () => {
      const before = process.env["TZ"];
      try {
        expect((await call("PUT /time", { timezone: "Asia/Kolkata" })).status).to.equal(200);

        const { timezone, time, localtime } = json((await call("GET /time")).text)["data"] as {
          timezone: string;
          time: number;
          localtime: number;
        };
        expect(["Asia/Kolkata", "Asia/Calcutta"]).to.include(timezone);
        expect(localtime - time).to.equal(5.5 * 3600);
        const { status, text } = await call("PUT /time", { timezone: "Moon/Sea" });
        expect([status, text]).to.deep.equal([
          400,
          "parameter verification failed - 'timezone': No such timezone: 'Moon/Sea'",
        ]);
      } finally {
        if (before === undefined) delete process.env["TZ"];
        else process.env["TZ"] = before;
      }
    });

    it("has no use for a subscription key and says so", async () => {
      expect((await call("POST /subscription", { force: true })).status).to.equal(200);
      expect((await call("DELETE /subscription")).status).to.equal(200);
      expect((await call("PUT /subscription", { key: "pbsc-0123456789" })).status).to.equal(400);
    });
  });
});

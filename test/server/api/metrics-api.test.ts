import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { rawCall } from "../../support/raw-client.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

const fixture = fileURLToPath(new URL("../../../fixtures/datastore-real/store", import.meta.url));

describe("server/api metrics", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;

  before(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(fixture, storePath, { recursive: true });
    server = await startTestServer({ storePath });
    api = new ApiCalls(server);
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function metrics(authorization = server.authorization): Promise<string> {
    const answer = await rawCall(server.port, "GET /metrics", { headers: { authorization } });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.headers["content-type"]).to.equal("text/plain; version=0.0.4; charset=utf-8");
    return answer.text;
  }

  it("tells of every group when it was backed up and verified last", async () => {
    const text = await metrics();

    const labels = 'datastore="store1",namespace="",type="ct",id="101"';
    expect(text).to.contain(
      `amber_group_last_success_timestamp_seconds{${labels}} ${Date.parse("2024-06-05T14:24:36Z") / 1000}\n`,
    );
    expect(text).to.match(new RegExp(`^amber_group_age_seconds\\{${labels}\\} [0-9]+$`, "m"));
    expect(text).to.contain(`amber_group_verified{${labels}} 1\n`);
    expect(text).to.match(/^pbs_snapshot_vm_last_timestamp\{datastore="store1",namespace="team",/m);
    expect(text).to.match(/^pbs_snapshot_count\{datastore="store1",namespace=""\} [0-9]+$/m);
    expect(text).to.match(/^pbs_size\{datastore="store1"\} [0-9]+$/m);
    expect(text).to.contain('amber_running_tasks{type="backup"} 0\n');
  });

  it("tells of the machine and of requests under the names of the well-known exporter", async () => {
    await metrics();
    const text = await metrics();

    for (const name of [
      "cpu_usage",
      "io_wait",
      "uptime",
      "load1",
      "load5",
      "load15",
      "memory_total",
      "memory_used",
      "memory_free",
      "swap_total",
      "disk_total",
      "disk_used",
      "disk_available",
    ]) {
      expect(text).to.match(new RegExp(`^pbs_host_${name} [0-9.e+-]+$`, "m"));
    }
    expect(text).to.contain('pbs_version{version="test"} 1\n');
    expect(text).to.match(/^amber_requests_total\{method="GET",status="2xx"\} [1-9]/m);
    expect(text).to.match(/^amber_request_duration_seconds_count [1-9]/m);
  });

  it("tells of collection after one, not before", async () => {
    expect(await metrics()).not.to.match(/^amber_gc_age_seconds\{/m);

    await api.run("POST", "/admin/datastore/store1/gc");

    const text = await metrics();
    expect(text).to.match(/^amber_gc_age_seconds\{datastore="store1"\} [0-9]+$/m);
    expect(text).to.match(/^amber_deduplication_factor\{datastore="store1"\} [0-9.]+$/m);
  });

  it("says that a datastore is out of service, and nothing else about it", async () => {
    await api.call("PUT", "/config/datastore/store1", { "maintenance-mode": "offline" });

    const text = await metrics();

    expect(text).to.contain('amber_datastore_up{datastore="store1"} 0\n');
    expect(text).not.to.match(/^(pbs_size|amber_group_age_seconds)\{/m);
    await api.call("PUT", "/config/datastore/store1", { delete: ["maintenance-mode"] });
  });

  it("shows nothing to those who may not look, and asks for a login", async () => {
    const { authorization } = await otherToken(server);

    const text = await metrics(authorization);

    expect(text).not.to.match(/store1|pbs_host_|amber_requests_total/);
    expect((await rawCall(server.port, "GET /metrics", {})).status).to.equal(401);
  });
});

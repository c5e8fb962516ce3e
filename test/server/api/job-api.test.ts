import { cp, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ManualTicker } from "../../support/manual-ticker.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

const fixture = fileURLToPath(new URL("../../../fixtures/datastore-real/store", import.meta.url));

interface Job {
  readonly id: string;
  readonly [member: string]: unknown;
}

describe("server/api jobs", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;
  let clock: FakeClock;
  let ticker: ManualTicker;

  beforeEach(async () => {
    folder = await tempDir();
    clock = new FakeClock(Date.parse("2026-11-23T12:00:00Z") / 1000);
    await cp(fixture, join(folder.path, "store1"), { recursive: true });
    await start();
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Starts a server on the data of this test; again after it was closed. */
  async function start(): Promise<void> {
    ticker = new ManualTicker();
    server = await startTestServer({
      clock,
      everyMinute: ticker.ticker,
      storePath: join(folder.path, "store1"),
      configPath: join(folder.path, "config"),
      taskPath: join(folder.path, "tasks"),
      statePath: join(folder.path, "state"),
    });
    api = new ApiCalls(server);
  }

  async function onlyJob(path: string): Promise<Job> {
    const jobs = await api.call<Job[]>("GET", path);
    expect(jobs).to.have.length(1);
    return jobs[0]!;
  }

  /** Lets the clock go on by an hour, and waits until what was started has ended. */
  async function hour(): Promise<void> {
    clock.advance(3600);
    await ticker.tick();
    await eventually(async () => {
      const running = await api.call<object[]>("GET", "/nodes/localhost/tasks?running=1");
      return running.length === 0;
    });
  }

  it("runs a prune job by hand and shows how it went and when it is due", async () => {
    const job = { id: "nightly", store: "store1", schedule: "daily", "keep-last": 1 };
    await api.call("POST", "/config/prune", job);
    expect(await onlyJob("/admin/prune")).to.include({ ...job, "next-run": nextMidnight() });
    expect(await onlyJob("/admin/prune")).not.to.have.any.keys("last-run-upid", "last-run-state");

    const upid = await api.call<string>("POST", "/admin/prune/nightly/run");
    const { status, lines } = await api.ended(upid);

    expect(status).to.equal("OK");
    expect(upid).to.match(/:prunejob:store1:admin@pbs!test:$/);
    expect(lines.slice(0, 4)).to.deep.equal([
      "prune job 'nightly'",
      "Starting datastore prune on datastore 'store1', root namespace, down to full depth",
      "retention options: --keep-last 1",
      'Pruning group :"ct/101"',
    ]);
    expect(lines.some((line) => line.startsWith("remove "))).to.equal(true);
    expect(await onlyJob("/admin/prune")).to.include({
      "last-run-upid": upid,
      "last-run-state": "OK",
      "last-run-endtime": clock.nowSec(),
    });
  });

  it("runs a disabled job by hand and never by schedule", async () => {
    const job = { id: "off", store: "store1", schedule: "hourly", "keep-last": 1, disable: true };
    await api.call("POST", "/config/prune", job);
    await hour();
    await hour();
    expect(await onlyJob("/admin/prune")).not.to.have.any.keys("next-run", "last-run-upid");

    const { status } = await api.run("POST", "/admin/prune/off/run");

    expect(status).to.equal("OK");
  });

  it("runs a verification job, and a sync job in the name of its owner", async () => {
    await api.call("POST", "/config/verify", { id: "check", store: "store1", ns: "team" });
    const other = await api.call<string>("POST", "/config/datastore", {
      name: "other",
      path: join(folder.path, "other"),
    });
    await api.ended(other);
    const sync = {
      id: "copy",
      store: "other",
      "remote-store": "store1",
      "group-filter": ["type:ct"],
    };
    await api.call("POST", "/config/sync", sync);

    const check = await api.run("POST", "/admin/verify/check/run");
    const upid = await api.call<string>("POST", "/admin/sync/copy/run");
    const copy = await api.ended(upid);

    expect(check.status).to.equal("OK");
    expect(check.lines.slice(0, 2)).to.deep.equal([
      "verification job 'check'",
      "verify datastore store1",
    ]);
    expect(upid).to.contain(":syncjob:\\x2d\\x3astore1\\x3aother\\x3a\\x3acopy:");
    expect(copy.status, copy.lines.join("\n")).to.equal("OK");
    const groups = await api.call<{ owner: string }[]>("GET", "/admin/datastore/other/groups");
    expect(new Set(groups.map(({ owner }) => owner))).to.deep.equal(new Set(["root@pam"]));
    expect(await onlyJob("/admin/sync?sync-direction=all")).to.include({ "last-run-state": "OK" });
    expect(await api.call("GET", "/admin/sync?sync-direction=push")).to.deep.equal([]);
  });

  it("lives through a week of schedules with a restart in it", async () => {
    await api.call("PUT", "/config/datastore/store1", { "gc-schedule": "daily" });
    const prune = { id: "nightly", store: "store1", schedule: "1:00 UTC", "keep-last": 1 };
    await api.call("POST", "/config/prune", prune);
    await api.call("POST", "/config/verify", {
      id: "weekly",
      store: "store1",
      schedule: "sat 3:00 UTC",
    });
    for (let i = 0; i < 80; i++) await hour();
    await server.close();
    clock.advance(40 * 3600);
    await start();
    for (let i = 0; i < 48; i++) await hour();

    const tasks = await api.call<{ worker_type: string; user: string; status: string }[]>(
      "GET",
      "/nodes/localhost/tasks?limit=0",
    );
    const count = (type: string): number =>
      tasks.filter(
        ({ worker_type, user, status }) =>
          [worker_type, user, status].join() === `${type},root@pam,OK`,
      ).length;
    // One night went by without a server: it is made up for once.
    expect(count("prunejob")).to.equal(6);
    expect(count("verificationjob")).to.equal(1);
    expect(count("garbage_collection")).to.equal(6);
    const state = join(folder.path, "state", "jobstates", "garbage_collection-store1.json");
    expect(JSON.parse(await readFile(state, "utf8"))).to.have.nested.property("Finished.state.OK");
    const [collection] = await api.call<Job[]>("GET", "/admin/gc");
    expect(collection).to.include({ schedule: "daily", "last-run-state": "OK" });
    expect(collection?.["next-run"]).to.be.a("number").that.is.greaterThan(clock.nowSec());
  });

  it("forgets the state of a job that is removed, and of those of a removed datastore", async () => {
    const job = { id: "nightly", store: "store1", schedule: "daily", "keep-last": 9 };
    await api.call("POST", "/config/prune", job);
    await api.run("POST", "/admin/prune/nightly/run");
    await api.call("DELETE", "/config/prune/nightly");
    await api.call("POST", "/config/prune", job);

    expect(await onlyJob("/admin/prune")).not.to.have.property("last-run-upid");
  });

  it("lets nobody see or run a job who may not change it, and no one run what is not there", async () => {
    const job = { id: "nightly", store: "store1", schedule: "daily", "keep-last": 9 };
    await api.call("POST", "/config/prune", job);
    await api.call("POST", "/config/verify", { id: "check", store: "store1" });
    const auditor = new ApiCalls(
      server,
      (await otherToken(server, "DatastoreAudit")).authorization,
    );

    expect(await auditor.call("GET", "/admin/prune")).to.have.length(1);
    expect((await auditor.answer("POST", "/admin/prune/nightly/run")).status).to.equal(403);
    expect((await auditor.answer("POST", "/admin/verify/check/run")).status).to.equal(403);
    const writer = new ApiCalls(server, (await otherToken(server)).authorization);
    expect(await writer.call("GET", "/admin/prune")).to.deep.equal([]);
    const missing = await api.answer("POST", "/admin/prune/nothing/run");
    expect([missing.status, missing.text]).to.deep.equal([404, "no such prune job 'nothing'"]);
    expect(await api.call("GET", "/admin/prune?store=other")).to.deep.equal([]);
  });

  function nextMidnight(): number {
    const date = new Date(clock.nowMs());
    return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime() / 1000;
  }
});

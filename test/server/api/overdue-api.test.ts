import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ManualTicker } from "../../support/manual-ticker.ts";
import { miniStore } from "../../support/mini-snapshots.ts";
import { rawCall } from "../../support/raw-client.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { startWebReceiver, type WebReceiver } from "../../support/web-receiver.ts";

const HOUR = 3600;
const START = Date.parse("2024-06-05T15:00:00Z") / 1000;

/** The dead-man check in a real server, with a clock that the test moves. */
describe("server/api overdue backups", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let clock: FakeClock;
  let ticker: ManualTicker;
  let web: WebReceiver;
  let server: TestServer;
  let api: ApiCalls;

  beforeEach(async () => {
    folder = await tempDir();
    clock = new FakeClock(START);
    web = await startWebReceiver();
    await backUp("golden-plain", "2024-06-05T14:24:36Z");
    await start();
    await api.call("POST", "/config/notifications/endpoints/webhook", {
      name: "hook",
      method: "post",
      url: web.url,
      body: Buffer.from("{{ severity }} {{ fields.type }}: {{ message }}").toString("base64"),
    });
    await api.call("POST", "/config/notifications/matchers", { name: "all", target: ["hook"] });
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await web[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Starts a server on what an earlier one left. */
  async function start(delivery?: { readonly retryDelaysMs: readonly number[] }): Promise<void> {
    ticker = new ManualTicker();
    server = await startTestServer({
      clock,
      everyMinute: ticker.ticker,
      ...(delivery ? { delivery } : {}),
      storePath: join(folder.path, "store"),
      configPath: join(folder.path, "config"),
      statePath: join(folder.path, "state"),
    });
    api = new ApiCalls(server);
  }

  /** Puts a finished snapshot into the store. */
  async function backUp(id: string, time: string): Promise<void> {
    const path = join(folder.path, "store/host", id, time);
    await mkdir(join(folder.path, "store/.chunks"), { recursive: true });
    const manifest = new URL("host/golden-plain/2024-06-05T14:24:36Z/index.json.blob", miniStore);
    await cp(manifest, join(path, "index.json.blob"));
  }

  async function pass(hours: number): Promise<readonly string[]> {
    clock.advance(hours * HOUR);
    await ticker.tick();
    return web.requests.splice(0).map(({ body }) => body);
  }

  async function addRule(name: string, values: object): Promise<void> {
    await api.call("POST", "/amber/overdue-rules", { name, ...values });
  }

  it("tells once that a group is overdue, and once that it is not any more", async () => {
    await addRule("usual", { hours: 24 });

    expect(await pass(1)).to.deep.equal([]);
    const [told, ...more] = await pass(30);
    expect(more).to.deep.equal([]);
    expect(told).to.match(/^error backup-overdue: Backup of host\/golden-plain in datastore/);
    expect(told).to.match(/the last one is of 2024-06-05T.*wanted every 24 hours \(rule 'usual'\)/);
    expect(await pass(30)).to.deep.equal([]);

    await backUp("golden-plain", "2024-06-08T03:00:00Z");
    const over = await pass(1);
    expect(over).to.have.length(1);
    expect(over[0]).to.match(/^info backup-overdue: .* is not overdue any more/);
    expect(await pass(1)).to.deep.equal([]);
    expect(await pass(48)).to.have.length(1);
  });

  it("does not tell again after a restart, and tells of what was over meanwhile", async () => {
    await addRule("usual", { hours: 24 });
    expect(await pass(30)).to.have.length(1);

    await server.close();
    await start();

    expect(await pass(1)).to.deep.equal([]);
    await backUp("golden-plain", "2024-06-07T00:00:00Z");
    expect((await pass(1))[0]).to.match(/^info /);
  });

  it("tells again what did not arrive, and takes nothing as told before", async () => {
    await server.close();
    await start({ retryDelaysMs: [] });
    await addRule("usual", { hours: 24 });
    await rename(join(folder.path, "config/notifications.cfg"), join(folder.path, "kept.cfg"));
    await writeFile(join(folder.path, "config/notifications.cfg"), "no section\n");
    expect(await pass(30)).to.deep.equal([]);

    await rename(join(folder.path, "kept.cfg"), join(folder.path, "config/notifications.cfg"));

    expect(await pass(1)).to.have.length(1);
    expect(await pass(1)).to.deep.equal([]);
  });

  it("writes down what was told when a later attempt has brought it", async () => {
    await server.close();
    await start({ retryDelaysMs: [1] });
    await addRule("usual", { hours: 24 });
    web.answers.push({ status: 503 });

    await pass(30);
    const isRemembered = async (): Promise<boolean> =>
      (await readFile(join(folder.path, "state/overdue.json"), "utf8").catch(() => "")).includes(
        "golden-plain",
      );
    while (!(await isRemembered())) await new Promise((resolve) => setImmediate(resolve));
    await server.close();
    expect(web.requests.splice(0)).to.have.length(1);
    await start();

    expect(await pass(1)).to.deep.equal([]);
  });

  it("tells once that a scheduled job cannot be started", async () => {
    const job =
      "sync: job-1\n\tstore store1\n\tremote gone\n\tremote-store tank\n\tschedule hourly\n";
    await writeFile(join(folder.path, "config/sync.cfg"), job);

    const told = [...(await pass(1)), ...(await pass(1))];

    expect(told).to.have.length(1);
    expect(told[0]).to.match(
      /^error sync: Sync job 'job-1' of datastore 'store1' cannot be started on test-host: .*gone/,
    );
    expect(await pass(1)).to.deep.equal([]);
  });

  it("shows all other figures when the rules cannot be read", async () => {
    await writeFile(join(folder.path, "config/overdue.cfg"), "no section\n");

    const { authorization } = server;
    const { text } = await rawCall(server.port, "GET /metrics", { headers: { authorization } });

    expect(text).to.match(/^pbs_snapshot_count\{/m);
  });

  it("puts all groups of a datastore that become overdue together into one message", async () => {
    await backUp("second", "2024-06-05T14:00:00Z");
    await addRule("usual", { hours: 24 });

    const told = await pass(30);

    expect(told).to.have.length(1);
    expect(told[0]).to.match(/Backups of 2 groups .* are overdue/);
  });

  it("says nothing about groups whose rule is 0, off or gone", async () => {
    await addRule("usual", { hours: 24 });
    await addRule("not-this", { hours: 0, "group-filter": ["group:host/golden-plain"] });
    expect(await pass(30)).to.deep.equal([]);

    await api.call("PUT", "/amber/overdue-rules/not-this", { disable: true });
    expect(await pass(1)).to.have.length(1);
    await api.call("DELETE", "/amber/overdue-rules/usual");
    expect(await pass(1)).to.deep.equal([]);
  });

  it("misses a group that a rule names and that was never backed up, from when it was first missed", async () => {
    await addRule("named", { hours: 24, store: "store1", "group-filter": ["group:host/new"] });

    expect(await pass(1)).to.deep.equal([]);
    expect(await pass(23)).to.deep.equal([]);
    const [told] = await pass(2);
    expect(told).to.match(/host\/new: there is none; wanted every 24 hours/);
    await backUp("new", "2024-06-06T17:00:00Z");
    expect((await pass(1))[0]).to.match(/^info /);
  });

  it("keeps its mind about a datastore that cannot be read", async () => {
    await addRule("usual", { hours: 24 });
    expect(await pass(30)).to.have.length(1);
    const store = join(folder.path, "store");

    await rename(store, `${store}-away`);
    await mkdir(store);
    expect((await pass(1))[0]).to.match(/^error .*'store1' are not watched .* cannot be read/);
    expect(await pass(1)).to.deep.equal([]);
    await rm(store, { recursive: true });
    await rename(`${store}-away`, store);

    expect((await pass(1))[0]).to.match(/^info .* are watched again/);
    expect(await pass(1)).to.deep.equal([]);
  });

  it("shows the state of every watched group, also in the metrics", async () => {
    await addRule("usual", { hours: 24 });
    await pass(30);

    expect(await api.call("GET", "/amber/overdue")).to.deep.equal([
      {
        store: "store1",
        ns: "",
        "backup-type": "host",
        "backup-id": "golden-plain",
        rule: "usual",
        hours: 24,
        "last-backup": Date.parse("2024-06-05T14:24:36Z") / 1000,
        overdue: true,
      },
    ]);
    const { authorization } = server;
    const { text } = await rawCall(server.port, "GET /metrics", { headers: { authorization } });
    const labels = 'datastore="store1",namespace="",type="host",id="golden-plain"';
    expect(text).to.contain(`amber_group_overdue{${labels}} 1\n`);
    expect(text).to.contain(`amber_group_age_max_seconds{${labels}} 86400\n`);
  });

  it("refuses rules that are none", async () => {
    for (const values of [
      {},
      { hours: -1 },
      { hours: 1, ns: "a//b" },
      { hours: 1, "group-filter": ["regex:("] },
      { hours: 1, "group-filter": ["host/a"] },
    ]) {
      const answer = await api.answer("POST", "/amber/overdue-rules", { name: "r-1", ...values });
      expect(answer.status, JSON.stringify(values)).to.equal(400);
    }
  });
});

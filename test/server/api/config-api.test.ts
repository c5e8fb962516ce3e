import { lstat, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { rawCall } from "../../support/raw-client.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: { readonly data?: unknown; readonly digest?: string };
}

describe("server/api configuration", () => {
  let server: TestServer;
  let folder: Awaited<ReturnType<typeof tempDir>>;

  before(async () => {
    folder = await tempDir();
    server = await startTestServer();
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function call(
    line: string,
    body?: object,
    authorization = server.authorization,
  ): Promise<Answer> {
    const [method = "", path = ""] = line.split(" ");
    const { status, text } = await rawCall(server.port, `${method} /api2/json${path}`, {
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = text.startsWith("{") ? (JSON.parse(text) as Answer["json"]) : {};
    return { status, text, json };
  }

  /** Polls the task as the genuine interface does, and gives its result. */
  async function taskResult(answer: Answer): Promise<string> {
    expect(answer.status, answer.text).to.equal(200);
    const upid = encodeURIComponent(answer.json.data as string);
    for (;;) {
      const { json } = await call(`GET /nodes/localhost/tasks/${upid}/status`);
      const status = json.data as { status: string; exitstatus?: string };
      if (status.status === "stopped") return status.exitstatus ?? "";
    }
  }

  const fileText = async (name: string): Promise<string> =>
    await readFile(join(server.configPath, name), "utf8");

  describe("datastores", () => {
    it("makes a datastore that can be used at once, and removes it with its data", async () => {
      const path = join(folder.path, "made");
      const made = await call("POST /config/datastore", { name: "made", path, comment: "new" });

      expect(made.json.data).to.match(/^UPID:test-host:.*:create-datastore:made:/);
      expect(await taskResult(made)).to.equal("OK");
      expect((await call("GET /admin/datastore")).json.data).to.deep.include({
        store: "made",
        comment: "new",
      });
      expect((await call("GET /admin/datastore/made/snapshots")).json.data).to.deep.equal([]);
      expect(await fileText("datastore.cfg")).to.contain(
        `datastore: made\n\tpath ${path}\n\tcomment new\n`,
      );

      const removed = await call("DELETE /config/datastore/made?destroy-data=1");
      expect(await taskResult(removed)).to.equal("OK");
      expect((await call("GET /config/datastore/made")).status).to.equal(404);
      expect((await call("GET /admin/datastore/made/status")).text).to.equal(
        "no such datastore 'made'",
      );
      expect(await readdir(folder.path)).not.to.contain("made");
    });

    it("leaves the data of a removed datastore alone unless asked, and takes it over again", async () => {
      const path = join(folder.path, "kept");
      await taskResult(await call("POST /config/datastore", { name: "kept", path }));
      await taskResult(await call("DELETE /config/datastore/kept"));

      expect((await lstat(join(path, ".chunks"))).isDirectory()).to.equal(true);
      const fresh = await call("POST /config/datastore", { name: "kept", path });
      expect(await taskResult(fresh)).to.contain("already");
      const reused = { name: "kept", path, "reuse-datastore": true };
      expect(await taskResult(await call("POST /config/datastore", reused))).to.equal("OK");
      expect((await call("GET /admin/datastore/kept/status")).status).to.equal(200);
    });

    it("refuses a name or a folder that is taken", async () => {
      const path = join(folder.path, "other");
      expect((await call("POST /config/datastore", { name: "store1", path })).text).to.equal(
        "datastore 'store1' already exists.",
      );
      const inside = { name: "inside", path: join(server.storePath, "vm") };
      expect((await call("POST /config/datastore", inside)).text).to.equal(
        `the path '${join(server.storePath, "vm")}' is used by datastore 'store1'`,
      );
    });

    it("changes, resets and guards settings, and keeps what it does not know", async () => {
      const before = await fileText("datastore.cfg");
      await writeFile(join(server.configPath, "datastore.cfg"), `${before}\tfuture-option a b\n`);

      expect(
        (await call("PUT /config/datastore/store1", { comment: "c1", "verify-new": true })).text,
      ).to.equal('{"data":null}');
      const { json } = await call("GET /config/datastore/store1");
      expect(json.data).to.include({ comment: "c1", "verify-new": true });
      const stale = { comment: "c2", digest: "0".repeat(64) };
      expect((await call("PUT /config/datastore/store1", stale)).text).to.equal(
        "detected modified configuration - file changed by other user? Try again.",
      );
      const reset = { delete: ["comment", "verify-new"], digest: json.digest };
      expect((await call("PUT /config/datastore/store1", reset)).status).to.equal(200);
      expect((await call("GET /config/datastore/store1")).json.data).to.deep.equal({
        name: "store1",
        path: server.storePath,
      });
      expect(await fileText("datastore.cfg")).to.contain("\tfuture-option a b\n");
    });

    it("puts a datastore out of service and back", async () => {
      const mode = async (value: string): Promise<void> => {
        const changed = await call("PUT /config/datastore/store1", { "maintenance-mode": value });
        expect(changed.status, changed.text).to.equal(200);
      };
      const write = async (): Promise<string> =>
        (await call("POST /admin/datastore/store1/namespace", { name: "n1" })).text;

      await mode('offline,message="new disk, sorry"');
      const offline = "datastore 'store1' is in offline maintenance mode: new disk, sorry";
      expect((await call("GET /admin/datastore/store1/snapshots")).text).to.equal(offline);
      expect((await call("GET /admin/datastore")).json.data).to.deep.include({
        store: "store1",
        comment: null,
        maintenance: 'offline,message="new disk, sorry"',
      });
      await mode("type=read-only");
      expect((await call("GET /admin/datastore/store1/snapshots")).status).to.equal(200);
      expect(await write()).to.equal("datastore 'store1' is in read-only maintenance mode: ");
      await call("PUT /config/datastore/store1?delete=maintenance-mode");
      expect(await write()).to.equal('{"data":"n1"}');
    });

    it("names what is wrong with a property string", async () => {
      const { text } = await call("PUT /config/datastore/store1", { tuning: "sync-level=never" });

      expect(text).to.equal(
        "parameter verification failed - 'tuning': 'sync-level': value 'never' is not allowed",
      );
    });
  });

  describe("jobs and remotes", () => {
    it("makes, lists, changes and removes a prune job, in the genuine file", async () => {
      const job = { id: "p-1", store: "store1", schedule: "daily", "keep-last": 7 };
      expect((await call("POST /config/prune", job)).text).to.equal('{"data":null}');
      expect((await call("POST /config/prune", job)).text).to.equal(
        "prune job 'p-1' already exists.",
      );
      expect(await fileText("prune.cfg")).to.equal(
        "prune: p-1\n\tstore store1\n\tschedule daily\n\tkeep-last 7\n",
      );
      const { json } = await call("GET /config/prune");
      expect(json.data).to.deep.equal([job]);
      const change = { disable: true, delete: ["keep-last"], digest: json.digest };
      expect((await call("PUT /config/prune/p-1", change)).status).to.equal(200);
      expect((await call("GET /config/prune/p-1")).json.data).to.deep.equal({
        id: "p-1",
        store: "store1",
        schedule: "daily",
        disable: true,
      });
      expect((await call("DELETE /config/prune/p-1")).status).to.equal(200);
      expect((await call("GET /config/prune/p-1")).text).to.equal("no such prune job 'p-1'");
    });

    it("refuses jobs on datastores and remotes that do not exist", async () => {
      const prune = { id: "p-2", store: "nowhere", schedule: "daily" };
      expect((await call("POST /config/prune", prune)).text).to.equal(
        "no such datastore 'nowhere'",
      );
      const sync = { id: "s-1", store: "store1", remote: "far", "remote-store": "tank" };
      expect((await call("POST /config/sync", sync)).text).to.equal("no such remote 'far'");
    });

    it("stores the password of a remote and never shows it", async () => {
      const remote = { name: "far", host: "far.example.org", "auth-id": "sync@pbs!t1x" };
      const secret = { ...remote, password: "pässword" };
      expect((await call("POST /config/remote", secret)).text).to.equal('{"data":null}');

      expect((await call("GET /config/remote/far")).json.data).to.deep.equal(remote);
      expect((await call("GET /config/remote")).json.data).to.deep.equal([remote]);
      expect(await fileText("remote.cfg")).to.contain("\tpassword cMOkc3N3b3Jk\n");
      expect((await lstat(join(server.configPath, "remote.cfg"))).mode & 0o777).to.equal(0o600);
    });

    it("keeps lists of a sync job on a line each, and refuses to remove a remote in use", async () => {
      const sync = {
        id: "s-1",
        store: "store1",
        remote: "far",
        "remote-store": "tank",
        "group-filter": ["type:vm", "exclude:group:vm/100"],
      };
      expect((await call("POST /config/sync", sync)).text).to.equal('{"data":null}');

      expect(await fileText("sync.cfg")).to.contain(
        "\tgroup-filter type:vm\n\tgroup-filter exclude:group:vm/100\n",
      );
      expect((await call("GET /config/sync/s-1")).json.data).to.deep.equal(sync);
      expect((await call("DELETE /config/remote/far")).text).to.equal(
        "remote 'far' is used by sync job 's-1' (datastore 'store1')",
      );
      await call("DELETE /config/sync/s-1");
      expect((await call("DELETE /config/remote/far")).text).to.equal('{"data":null}');
    });

    it("hides jobs from those who may not see them, and lets them change nothing", async () => {
      await call("POST /config/verify", { id: "v-1", store: "store1", "outdated-after": 30 });
      const { authorization } = await otherToken(server, "DatastoreBackup");

      const lists = ["datastore", "prune", "verify", "sync", "remote"].map(
        async (kind) => (await call(`GET /config/${kind}`, undefined, authorization)).json.data,
      );
      expect(await Promise.all(lists)).to.deep.equal([[], [], [], [], []]);
      for (const line of [
        "GET /config/verify/v-1",
        "DELETE /config/verify/v-1",
        "DELETE /config/datastore/store1",
        "GET /config/datastore/store1",
      ]) {
        const answer = await call(line, undefined, authorization);
        expect(`${answer.status} ${answer.text}`).to.equal("403 permission check failed");
      }
    });
  });

  it("lists what lies below the inner nodes of the API", async () => {
    const below = async (path: string): Promise<string[]> =>
      ((await call(`GET ${path}`)).json.data as { subdir: string }[]).map(({ subdir }) => subdir);

    expect(await below("/")).to.include.members(["access", "admin", "config", "nodes", "version"]);
    expect(await below("/config")).to.deep.equal([
      "datastore",
      "notifications",
      "prune",
      "remote",
      "sync",
      "traffic-control",
      "verify",
    ]);
    expect(await below("/admin/datastore/store1")).to.include.members(["status", "snapshots"]);
  });

  it("does not create a datastore in place of one whose disk is not mounted", async () => {
    const config = join(folder.path, "config2");
    const gone = join(folder.path, "gone");
    await using second = await startTestServer({
      configPath: config,
      storePath: join(folder.path, "store2"),
      extraConfig: { "datastore.cfg": `datastore: gone\n\tpath ${gone}\n` },
    });

    const headers = { authorization: second.authorization };
    const answer = await rawCall(second.port, "GET /api2/json/admin/datastore/gone/status", {
      headers,
    });
    expect(answer.status).to.equal(400);
    expect(answer.text).to.contain(gone);
    expect(await readdir(folder.path)).not.to.contain("gone");
  });

  describe("formats", () => {
    it("refuses a schedule that is no calendar event, wherever one is given", async () => {
      const wrong = { store: "store1", schedule: "every day" };
      const lines: readonly (readonly [string, object, string])[] = [
        ["POST /config/prune", { id: "wrong", ...wrong, "keep-last": 1 }, "schedule"],
        ["POST /config/verify", { id: "wrong", ...wrong }, "schedule"],
        ["POST /config/sync", { id: "wrong", ...wrong, "remote-store": "other" }, "schedule"],
        ["PUT /config/datastore/store1", { "gc-schedule": "24" + ":61" }, "gc-schedule"],
      ];
      for (const [line, body, name] of lines) {
        const { status, text } = await call(line, body);

        expect(status, line).to.equal(400);
        expect(text).to.match(
          new RegExp(`^parameter verification failed - '${name}': unable to parse calendar event`),
        );
      }
    });

    it("refuses a rate that is no size and a filter that is no regular expression", async () => {
      const job = { id: "wrong", store: "store1", "remote-store": "other" };

      const rate = await call("POST /config/sync", { ...job, "rate-in": "fast" });
      const filter = await call("POST /config/sync", { ...job, "group-filter": ["regex:("] });

      expect(rate.text).to.contain("'rate-in': unable to parse byte size 'fast'");
      expect(filter.status).to.equal(400);
      expect(filter.text).to.contain('"regex:("');
    });
  });
});

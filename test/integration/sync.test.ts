import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

import { eventually } from "../support/eventually.ts";
import { rawCall } from "../support/raw-client.ts";
import { tempDir } from "../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../support/test-server.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/datastore-real/store", import.meta.url));

/** Files of a datastore's snapshots by their paths, with their digests; what is the server's own business is left out. */
async function contentOf(store: string, below = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(join(store, below), { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = relative(store, join(entry.parentPath, entry.name));
    if (!entry.isFile() || path.startsWith(".") || !/\.([fd]idx|blob)$/.test(path)) continue;
    const digest = createHash("sha256").update(await readFile(join(store, path)));
    found.set(path, digest.digest("hex"));
  }
  return found;
}

describe("integration/sync", function () {
  this.timeout(120_000);
  let temp: Awaited<ReturnType<typeof tempDir>>;
  let source: TestServer;
  let target: TestServer;

  beforeEach(async () => {
    temp = await tempDir();
    const storePath = join(temp.path, "source");
    await cp(fixtures, storePath, { recursive: true });
    source = await startTestServer({ storePath });
    target = await startTestServer();
    await call(target, "POST /config/remote", {
      name: "other",
      host: "localhost",
      port: source.port,
      "auth-id": source.tokenId,
      password: source.tokenSecret,
      fingerprint: source.fingerprint,
    });
  });

  afterEach(async () => {
    await target[Symbol.asyncDispose]();
    await source[Symbol.asyncDispose]();
    await temp[Symbol.asyncDispose]();
  });

  async function call(
    server: TestServer,
    line: string,
    parameters?: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    const [method = "", path = ""] = line.split(" ");
    const { authorization } = server;
    const answer = await rawCall(server.port, `${method} /api2/json${path}`, {
      headers: { authorization, "content-type": "application/json" },
      ...(parameters ? { body: JSON.stringify(parameters) } : {}),
    });
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
    return (JSON.parse(answer.text) as { data: unknown }).data;
  }

  /** Pulls, waits for the end, gives the result and the log. */
  async function pull(
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly status: string; readonly log: string }> {
    const base = { store: "store1", remote: "other", "remote-store": "store1" };
    const upid = encodeURIComponent(
      (await call(target, "POST /pull", { ...base, ...parameters })) as string,
    );
    let status = "";
    await eventually(async () => {
      const state = (await call(target, `GET /nodes/localhost/tasks/${upid}/status`)) as {
        exitstatus?: string;
      };
      status = state.exitstatus ?? "";
      return status !== "";
    });
    const lines = (await call(target, `GET /nodes/localhost/tasks/${upid}/log?limit=0`)) as {
      t: string;
    }[];
    return { status, log: lines.map(({ t }) => t).join("\n") };
  }

  it("copies everything from another server, namespaces and encrypted snapshots included, byte for byte", async () => {
    const { status, log } = await pull({});

    expect(status, log).to.equal("OK");
    const wanted = await contentOf(source.storePath);
    expect(wanted.size).to.be.greaterThan(60);
    expect(await contentOf(target.storePath)).to.deep.equal(wanted);
    const owner = await readFile(join(target.storePath, "host/golden-plain/owner"), "utf8");
    expect(owner.trim()).to.equal(target.tokenId);
  });

  it("transfers nothing the second time, and only what is new the third", async () => {
    await pull({ ns: "", "group-filter": ["group:host/trace"] });

    const second = await pull({ "group-filter": ["group:host/trace"] });
    const third = await pull({ "group-filter": ["group:host/trace-enc"] });

    expect(second.log).to.include("sync job found no new data to pull");
    expect(third.log).to.match(/sync job pulled \d+ B in \d+ chunks/);
    expect(third.log).to.not.include("host/trace/");
  });

  it("copies from another datastore of the same server", async () => {
    const path = join(temp.path, "second");
    await cp(fixtures, path, { recursive: true });
    await call(target, "POST /config/datastore", { name: "second", path, "reuse-datastore": true });
    await eventually(async () => {
      const stores = (await call(target, "GET /admin/datastore")) as { store: string }[];
      return stores.some(({ store }) => store === "second");
    });

    const { status, log } = await pull({ remote: undefined, "remote-store": "second" });

    expect(status, log).to.equal("OK");
    const wanted = await contentOf(source.storePath);
    expect(await contentOf(target.storePath)).to.deep.equal(wanted);
  });

  it("removes what vanished at the source, but nothing that is protected or someone else's", async () => {
    await pull({ "group-filter": ["group:host/golden-plain", "group:host/trace"] });
    const times = async (): Promise<readonly string[]> =>
      (await readdir(join(target.storePath, "host/golden-plain"))).filter((name) =>
        name.endsWith("Z"),
      );
    const [first = "", second = ""] = (await times()).toSorted();
    await writeFile(join(target.storePath, "host/golden-plain", first, ".protected"), "");
    await rm(join(source.storePath, "host/trace"), { recursive: true });
    for (const name of [first]) {
      await rm(join(source.storePath, "host/golden-plain", name), { recursive: true });
    }

    const { status, log } = await pull({ "remove-vanished": true });

    expect(status, log).to.equal("OK");
    expect(await times()).to.have.members([first, second]);
    expect(log).to.include("(protected)");
    expect(await readdir(join(target.storePath, "host"))).to.not.include("trace");
  });

  it("fails at the end and keeps going in between when one group is damaged, and never shows half a snapshot", async () => {
    const chunks = join(source.storePath, ".chunks");
    const index = await readFile(
      join(source.storePath, "host/v4img/2024-06-05T14:24:36Z/disk.img.fidx"),
    );
    const digest = index.subarray(4096, 4128).toString("hex");
    await truncate(join(chunks, digest.slice(0, 4), digest), 20);

    const { status, log } = await pull({
      "group-filter": ["group:host/v4img", "group:host/v4meta"],
    });

    expect(status).to.equal("sync failed with some errors.");
    expect(log).to.include("sync group host/v4img failed");
    expect([...(await contentOf(target.storePath)).keys()].join("\n")).to.not.include("v4img");
    expect([...(await contentOf(target.storePath, "host/v4meta")).keys()]).to.not.have.length(0);
  });

  it("refuses to write into a group of someone else", async () => {
    await mkdir(join(target.storePath, "host/trace"), { recursive: true });
    await writeFile(join(target.storePath, "host/trace/owner"), "nobody@pbs\n");

    const { status, log } = await pull({ "group-filter": ["group:host/trace"] });

    expect(status).to.equal("sync failed with some errors.");
    expect(log).to.include("owner check failed");
  });

  it("shows what another server has", async () => {
    const stores = await call(target, "GET /config/remote/other/scan");
    const namespaces = await call(target, "GET /config/remote/other/scan/store1/namespaces");
    const groups = (await call(target, "GET /config/remote/other/scan/store1/groups")) as unknown[];

    expect(stores).to.deep.equal([{ store: "store1" }]);
    expect(namespaces).to.deep.include({ ns: "team/sub" });
    expect(groups).to.deep.include({
      "backup-type": "ct",
      "backup-id": "101",
      "last-backup": 1717597476,
      "backup-count": 1,
      files: ["mixed.pxar.didx", "catalog.pcat1.didx", "rsa-encrypted.key.blob", "index.json.blob"],
      owner: "test@pbs",
    });
  });

  it("says what is wrong with a remote", async () => {
    await call(target, "PUT /config/remote/other", { password: "wrong" });

    const { status } = await pull({});

    expect(status).to.include("authentication failed");
  });
});

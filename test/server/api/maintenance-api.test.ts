import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("server/api maintenance", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;
  let path: string;

  beforeEach(async () => {
    folder = await tempDir();
    path = join(folder.path, "tank");
    server = await startTestServer();
    api = new ApiCalls(server);
    await api.run("POST", "/config/datastore", { name: "tank", path });
    await api.call("POST", "/admin/datastore/tank/namespace", { name: "a" });
    const job = { store: "tank", schedule: "daily" };
    await api.call("POST", "/config/prune", { id: "prune-1", ...job, "keep-last": 1 });
    await api.call("POST", "/config/verify", { id: "verify-1", ...job });
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const mode = async (text: string): Promise<void> => {
    await api.call("PUT", "/config/datastore/tank", { "maintenance-mode": text });
  };
  const refusal = async (method: string, place: string, body?: object): Promise<string> => {
    const { status, text } = await api.answer(method, place, body);
    return `${status} ${text}`;
  };
  const snapshots = "/admin/datastore/tank/snapshots";
  const READ_ONLY = "400 datastore 'tank' is in read-only maintenance mode: moving";
  const OFFLINE = "400 datastore 'tank' is in offline maintenance mode: moving";

  it("keeps writers out of a datastore that is read-only, jobs too, and lets readers in", async () => {
    await mode('type=read-only,message="moving"');

    const backup = "/backup?store=tank&backup-type=host&backup-id=x&backup-time=1";
    expect(await refusal("GET", backup)).to.equal(READ_ONLY);
    expect(await refusal("POST", "/admin/datastore/tank/gc")).to.equal(READ_ONLY);
    expect(await refusal("POST", "/admin/prune/prune-1/run")).to.equal(READ_ONLY);
    const group = { "backup-type": "host", "backup-id": "x", "keep-last": 1 };
    expect(await refusal("POST", "/admin/datastore/tank/prune", group)).to.equal(READ_ONLY);
    const made = await refusal("POST", "/admin/datastore/tank/namespace", { name: "b" });
    expect(made).to.equal(READ_ONLY);
    expect(await api.call("GET", snapshots)).to.deep.equal([]);
    expect((await api.run("POST", "/admin/verify/verify-1/run")).status).to.equal("OK");
  });

  it("keeps everybody out of a datastore that is offline, and lets go of its folder", async () => {
    await mode('type=offline,message="moving"');

    expect(await refusal("GET", snapshots)).to.equal(OFFLINE);
    expect(await refusal("GET", "/admin/datastore/tank/status")).to.equal(OFFLINE);
    expect(await refusal("POST", "/admin/verify/verify-1/run")).to.equal(OFFLINE);
    const list = await api.call("GET", "/admin/datastore");
    expect(list).to.deep.include({
      store: "tank",
      comment: null,
      maintenance: 'type=offline,message="moving"',
    });
    // Another server can have it now: nothing is locked.
    const second = await startTestServer({ storePath: path });
    await second[Symbol.asyncDispose]();

    await api.call("PUT", "/config/datastore/tank", { delete: ["maintenance-mode"] });

    expect(await api.call("GET", "/admin/datastore/tank/namespace")).to.deep.equal([
      { ns: "" },
      { ns: "a" },
    ]);
  });

  it("answers with an error, writes nothing and claims nothing when the folder is another one", async () => {
    await rename(path, `${path}.gone`);
    await mkdir(path);
    await mkdir(join(path, ".chunks"));

    for (const place of ["snapshots", "groups", "namespace"]) {
      const answer = await refusal("GET", `/admin/datastore/tank/${place}`);
      expect(answer).to.contain("400 ").and.to.contain("is not the datastore any more");
    }
    const prune = await api.run("POST", "/admin/prune/prune-1/run");
    expect(prune.status).to.contain("is not the datastore any more");
    const verify = await api.run("POST", "/admin/verify/verify-1/run");
    expect(verify.status).to.contain("is not the datastore any more");
    const gc = await api.run("POST", "/admin/datastore/tank/gc");
    expect(gc.status).to.contain("is not the datastore any more");
    const group = { "backup-type": "host", "backup-id": "x" };
    const made = await refusal("POST", "/admin/datastore/tank/namespace", { name: "b" });
    expect(made).to.contain("is not the datastore any more");
    const forget = await refusal("DELETE", `/admin/datastore/tank/groups`, group);
    expect(forget).to.contain("is not the datastore any more");
    expect(await readdir(path)).to.deep.equal([".chunks"]);
  });

  it("serves a datastore again whose folder has come back, when the configuration is read again", async () => {
    await rename(path, `${path}.gone`);
    await api.call("PUT", "/config/datastore/tank", { comment: "gone" });
    expect(await refusal("GET", snapshots)).to.contain("is not a datastore");

    await rename(`${path}.gone`, path);
    await api.call("PUT", "/config/datastore/tank", { comment: "back" });

    expect(await api.call("GET", snapshots)).to.deep.equal([]);
  });

  it("refuses a namespace that is not there as the genuine server does", async () => {
    for (const place of ["snapshots?ns=nope", "groups?ns=nope", "namespace?parent=nope"]) {
      const answer = await refusal("GET", `/admin/datastore/tank/${place}`);
      expect(answer).to.equal("400 ENOENT: No such file or directory");
    }
  });
});

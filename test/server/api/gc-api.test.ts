import { cp, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { startTestServer, otherToken, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

const fixture = fileURLToPath(new URL("../../../fixtures/datastore-real/store", import.meta.url));
const gc = "/admin/datastore/store1/gc";

describe("server/api garbage collection", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;

  beforeEach(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(fixture, storePath, { recursive: true });
    server = await startTestServer({ storePath });
    api = new ApiCalls(server);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** The first chunk of an image of the fixture. */
  async function aChunkInUse(): Promise<string> {
    const image = "host/golden-plain/2024-06-05T14:24:36Z/disk.img.fidx";
    return (await readFile(join(server.storePath, image))).toString("hex", 4096, 4128);
  }

  it("logs what the genuine server logs", async () => {
    const { status, lines } = await api.run("POST", gc);

    expect(status).to.equal("OK");
    expect(lines.slice(0, 3)).to.deep.equal([
      "starting garbage collection on store store1",
      "Start GC phase1 (mark used chunks)",
      "marked 2% (1 of 38 index files)",
    ]);
    const sweep = lines.indexOf("Start GC phase2 (sweep unused chunks)");
    expect(lines.slice(sweep - 1, sweep + 4)).to.deep.equal([
      "marked 100% (38 of 38 index files)",
      "Start GC phase2 (sweep unused chunks)",
      "processed 5% (0 chunks)",
      "processed 7% (1 chunks)",
      "processed 9% (2 chunks)",
    ]);
    expect(lines.slice(-8).map((line) => line.replaceAll(/[0-9.]+/g, "N"))).to.deep.equal([
      "Removed garbage: N B",
      "Removed chunks: N",
      "Original data usage: N MiB",
      "On-Disk usage: N KiB (N%)",
      "On-Disk chunks: N",
      "Deduplication factor: N",
      "Average chunk size: N KiB",
      "TASK OK",
    ]);
  });

  it("answers what it came to, with the end of its task", async () => {
    const upid = await api.call<string>("POST", gc);
    await api.ended(upid);

    const answer = await api.call<Record<string, unknown>>("GET", gc);

    expect(upid).to.match(/:garbage_collection:store1:/);
    expect(answer).to.include({ "disk-chunks": 32, "index-file-count": 38, "removed-chunks": 0 });
    expect(answer).to.include({ store: "store1", upid, "last-run-state": "OK" });
    expect(answer).to.include.keys("duration", "last-run-endtime");
    const stored = await readFile(join(server.storePath, ".gc-status"), "utf8");
    expect(JSON.parse(stored)).to.include({ upid, "disk-chunks": 32 });
    expect(await api.call("GET", "/admin/gc")).to.deep.equal([answer]);
    expect(await api.call("GET", "/admin/gc/store1")).to.deep.equal([answer]);
  });

  it("frees what a removed snapshot leaves when it has rested, and marks what is in use", async () => {
    const old = new Date("2024-01-01T00:00:00Z");
    const chunks = join(server.storePath, ".chunks");
    const inUse = await aChunkInUse();
    const { lines } = await api.run("POST", gc);
    expect(lines).to.include("On-Disk chunks: 32");
    const files = (await readdir(chunks, { recursive: true })).filter((name) => name.length > 60);
    for (const name of files) await utimes(join(chunks, name), old, old);
    for (const type of ["ct", "ns"]) await rm(join(server.storePath, type), { recursive: true });

    const { status } = await api.run("POST", gc);

    const answer = await api.call<Record<string, number>>("GET", gc);
    expect(status).to.equal("OK");
    expect(answer["removed-chunks"]).to.be.greaterThan(0);
    expect((answer["removed-chunks"] ?? 0) + (answer["disk-chunks"] ?? 0)).to.equal(32);
    const { atimeMs, mtimeMs } = await stat(join(chunks, inUse.slice(0, 4), inUse));
    expect(atimeMs).to.be.greaterThan(old.getTime());
    expect(mtimeMs).to.equal(old.getTime());
  });

  it("lets chunks rest as long as the datastore's configuration says", async () => {
    const chunks = join(server.storePath, ".chunks");
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    const files = (await readdir(chunks, { recursive: true })).filter((name) => name.length > 60);
    for (const name of files) await utimes(join(chunks, name), twoHoursAgo, twoHoursAgo);
    for (const type of ["ct", "ns"]) await rm(join(server.storePath, type), { recursive: true });
    const removed = async (): Promise<number | undefined> => {
      await api.run("POST", gc);
      return (await api.call<Record<string, number>>("GET", gc))["removed-chunks"];
    };
    const config = "/config/datastore/store1";

    expect(await removed()).to.equal(0);
    await api.call("PUT", config, { tuning: "gc-atime-cutoff=180" });
    expect(await removed()).to.equal(0);
    await api.call("PUT", config, { tuning: "gc-atime-cutoff=60" });
    expect(await removed()).to.be.greaterThan(0);
    const refusal = await api.answer("PUT", config, { tuning: "gc-atime-cutoff=2881" });
    expect(refusal.status).to.equal(400);
  });

  it("ends with warnings that name what is missing", async () => {
    const lost = await aChunkInUse();
    await rm(join(server.storePath, ".chunks", lost.slice(0, 4), lost));

    const { status, lines } = await api.run("POST", gc);

    expect(status).to.match(/^WARNINGS: 1$/);
    expect(lines.filter((line) => line.includes(lost))).to.have.length(1);
  });

  it("fails and removes nothing when an index is damaged", async () => {
    const path = "host/golden-plain/2024-06-05T14:24:36Z/mixed.pxar.didx";
    await cp(join(fixture, ".lock"), join(server.storePath, path), { force: true });

    const { status } = await api.run("POST", gc);

    expect(status).to.contain(`cannot read index "${path}", nothing was removed`);
  });

  it("is for those who may change the datastore, its figures for those who may look", async () => {
    const backup = new ApiCalls(server, (await otherToken(server)).authorization);
    expect((await backup.answer("POST", gc)).status).to.equal(403);
    expect((await backup.answer("GET", gc)).status).to.equal(403);
    expect(await backup.call("GET", "/admin/gc")).to.deep.equal([]);
    const auditor = await otherToken(server, "DatastoreAudit");
    const audit = new ApiCalls(server, auditor.authorization);

    expect((await audit.answer("POST", gc)).status).to.equal(403);
    expect((await audit.answer("GET", gc)).status).to.equal(200);
  });
});

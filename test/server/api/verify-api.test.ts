import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface Recorded {
  readonly name: string;
  readonly response: { readonly body_text?: string };
}

interface Snapshot {
  readonly "backup-type": string;
  readonly "backup-id": string;
  readonly "backup-time": number;
  readonly verification?: { readonly state: string; readonly upid: string };
}

const fixtures = fileURLToPath(new URL("../../../fixtures/", import.meta.url));
const verify = "/admin/datastore/store1/verify";
const plain = { "backup-type": "host", "backup-id": "golden-plain" };
const TIME = 1_717_597_476;

describe("server/api verification", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;
  let api: ApiCalls;

  beforeEach(async () => {
    folder = await tempDir();
    const storePath = join(folder.path, "store1");
    await cp(join(fixtures, "datastore-real/store"), storePath, { recursive: true });
    server = await startTestServer({ storePath });
    api = new ApiCalls(server);
  });

  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Path of the first chunk of an image. */
  async function chunkOf(image: string): Promise<string> {
    const index = await readFile(join(server.storePath, image));
    const digest = index.toString("hex", 4096, 4128);
    return join(server.storePath, ".chunks", digest.slice(0, 4), digest);
  }

  async function flipByte(path: string): Promise<void> {
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(path, bytes);
  }

  async function states(): Promise<Map<string, string | undefined>> {
    const list = await api.call<Snapshot[]>("GET", "/admin/datastore/store1/snapshots");
    return new Map(
      list.map((snapshot) => [
        `${snapshot["backup-type"]}/${snapshot["backup-id"]}/${snapshot["backup-time"]}`,
        snapshot.verification?.state,
      ]),
    );
  }

  it("logs what the genuine server logs", async () => {
    const calls = JSON.parse(await readFile(join(fixtures, "api/api.json"), "utf8")) as Recorded[];
    const recorded = calls.find(({ name }) => name === "verify-log")?.response.body_text ?? "";
    const wanted = (JSON.parse(recorded) as { data: { t: string }[] }).data.map(({ t }) =>
      t.slice(27),
    );

    const { status, lines } = await api.run("POST", verify, { "ignore-verified": false });

    expect(status).to.equal("OK");
    const shape = (line: string): string => line.replaceAll(/[0-9.]+/g, "N");
    expect(lines[0]).to.equal("verify datastore store1");
    // The fixture's datastore has grown since, so it is compared line by line as far as both have the line.
    const shapes = new Set(lines.map(shape));
    for (const line of wanted) expect(shapes, line).to.include(shape(line));
    expect(lines.findLast((line) => line.startsWith("percentage"))).to.match(
      /^percentage done: 100\.00% \((\d+)\/\1 groups\)$/,
    );
  });

  it("writes the result into every manifest, and passes over what was verified", async () => {
    await api.run("POST", verify, { "ignore-verified": false });
    expect(new Set((await states()).values())).to.deep.equal(new Set(["ok"]));

    const again = await api.run("POST", verify);
    const everything = await api.run("POST", verify, { "ignore-verified": false, ns: "" });

    const count = (lines: readonly string[]): number =>
      lines.filter((line) => line.includes("(recently verified)")).length;
    expect(again.status).to.equal("OK");
    expect(count(again.lines)).to.be.greaterThan(10);
    expect(count(everything.lines)).to.equal(0);
  });

  it("verifies again what was verified too long ago", async () => {
    const recent = await api.run("POST", verify, { ...plain, "outdated-after": 100_000 });
    const old = await api.run("POST", verify, { ...plain, "outdated-after": 0 });

    // The fixture was verified on a day in 2026 that no clock shows again.
    expect(recent.lines.join("\n")).to.contain("recently verified");
    expect(old.status).to.equal("OK");
  });

  it("sets a corrupt chunk aside, names whom it hurts, and reports the snapshot as failed", async () => {
    const image = "host/golden-plain/2024-06-05T14:24:36Z/disk.img.fidx";
    const chunk = await chunkOf(image);
    await flipByte(chunk);
    const snapshot = { ...plain, "backup-time": TIME, "ignore-verified": false };

    const { status, lines } = await api.run("POST", verify, snapshot);

    expect(status).to.equal("verification failed - please check the log for details");
    const digest = chunk.slice(-64);
    expect(lines).to.include(`  corrupted chunk ${digest} was set aside`);
    expect(lines).to.include(`\tstore1:${image}`);
    expect(lines).to.include("\tstore1:host/golden-plain/2024-06-05T14:24:36Z");
    expect((await states()).get(`host/golden-plain/${TIME}`)).to.equal("failed");
    const names = await readdir(join(chunk, ".."));
    expect(names).to.deep.equal([`${digest}.0.bad`]);
  });

  it("reports every other snapshot that has lost the chunk as failed, so that no backup builds on it", async () => {
    const store = join(server.storePath, "host");
    await cp(join(store, "golden-plain"), join(store, "twin"), { recursive: true });
    await api.run("POST", verify, { "ignore-verified": false });
    const before = (await states()).get(`host/twin/${TIME}`);
    await flipByte(await chunkOf("host/golden-plain/2024-06-05T14:24:36Z/disk.img.fidx"));

    const { lines } = await api.run("POST", verify, {
      ...plain,
      "backup-time": TIME,
      "ignore-verified": false,
    });

    expect([before, (await states()).get(`host/twin/${TIME}`)]).to.deep.equal(["ok", "failed"]);
    expect(lines).to.include("\tstore1:host/twin/2024-06-05T14:24:36Z");
  });

  it("finds a damaged checksum of an encrypted chunk without its key", async () => {
    const image = "host/golden-encrypted/2024-06-05T14:24:36Z/disk.img.fidx";
    const chunk = await chunkOf(image);
    await flipByte(chunk);

    const body = { "backup-type": "host", "backup-id": "golden-encrypted" };
    const { status } = await api.run("POST", verify, { ...body, "ignore-verified": false });

    expect(status).to.contain("verification failed");
    expect(await readdir(join(chunk, ".."))).to.deep.equal([`${chunk.slice(-64)}.0.bad`]);
  });

  it("sets nothing aside for a chunk that is missing", async () => {
    const chunk = await chunkOf("host/golden-plain/2024-06-05T14:24:36Z/disk.img.fidx");
    await rm(chunk);

    const { status, lines } = await api.run("POST", verify, { "ignore-verified": false });

    expect(status).to.contain("verification failed");
    expect(lines.join("\n")).to.contain(`Cannot read chunk ${chunk.slice(-64)}`);
    expect(await readdir(join(chunk, ".."))).to.deep.equal([]);
  });

  it("names its tasks as the genuine server does", async () => {
    const group = await api.call<string>("POST", verify, plain);
    const snapshot = await api.call<string>("POST", verify, { ...plain, "backup-time": TIME });
    const refusal = await api.answer("POST", verify, { "backup-time": TIME });

    expect(group).to.contain(":verify_group:store1\\x3a-host-golden\\x2dplain:");
    const hexTime = TIME.toString(16).toUpperCase();
    expect(snapshot).to.contain(`:verify_snapshot:store1\\x3a-host-golden\\x2dplain-${hexTime}:`);
    expect(refusal.status).to.equal(400);
    await api.ended(group);
    await api.ended(snapshot);
  });

  it("is for those who may verify, and for owners of the group", async () => {
    const stranger = new ApiCalls(server, (await otherToken(server)).authorization);

    const foreign = await stranger.answer("POST", verify, plain);
    const all = await stranger.run("POST", verify);
    const auditor = await otherToken(server, "DatastoreAudit");
    const forbidden = await new ApiCalls(server, auditor.authorization).answer("POST", verify);

    expect(foreign.status).to.equal(400);
    expect(all.lines).to.include("found 0 groups");
    expect(forbidden.status).to.equal(403);
  });
});

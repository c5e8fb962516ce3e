import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { ApiCalls } from "../../support/api-calls.ts";
import { tempDir } from "../../support/temp-dir.ts";
import { otherToken, startTestServer, type TestServer } from "../../support/test-server.ts";

interface Listed {
  readonly worker_type: string;
  readonly worker_id: string;
  readonly status: string;
}

/** Name of an archived task of somebody else. */
function upid(index: number, type: string, id: string): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, "0");
  return `UPID:pbs:0000099A:0003C76D:${hex(index)}:${hex(1_700_000_000 + index)}:${type}:${id}:root@pam:`;
}

const tasks = [
  ["backup", "store1\\x3avm-100", "OK"],
  ["verificationjob", "store1\\x3av\\x2d1", "WARNINGS: 2"],
  ["garbage_collection", "store1", "OK"],
  ["prunejob", "other", "some error"],
  ["syncjob", "\\x2d\\x3aother\\x3astore1\\x3a\\x3as\\x2d1", "OK"],
] as const;

describe("server/api tasks", () => {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  let server: TestServer;

  before(async () => {
    folder = await tempDir();
    const archive = tasks.map(
      ([type, id, status], index) => `${upid(index, type, id)} 6B001A98 ${status}\n`,
    );
    await mkdir(join(folder.path, "tasks"));
    await writeFile(join(folder.path, "tasks/archive"), archive.join(""));
    server = await startTestServer({ taskPath: join(folder.path, "tasks") });
  });

  after(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function typesOf(query: string, authorization?: string): Promise<string[]> {
    const api = new ApiCalls(server, authorization);
    const list = await api.call<Listed[]>("GET", `/nodes/localhost/tasks?limit=0${query}`);
    return list.map((task) => task.worker_type);
  }

  it("filters by store, also the third name of synchronisations", async () => {
    expect(await typesOf("&store=store1")).to.deep.equal([
      "syncjob",
      "garbage_collection",
      "verificationjob",
      "backup",
    ]);
  });

  it("filters by result, type, user and time", async () => {
    expect(await typesOf("&errors=1")).to.deep.equal(["prunejob", "verificationjob"]);
    expect(await typesOf("&statusfilter=warning&statusfilter=error")).to.deep.equal([
      "prunejob",
      "verificationjob",
    ]);
    expect(await typesOf("&typefilter=job&statusfilter=ok")).to.deep.equal(["syncjob"]);
    expect(await typesOf("&userfilter=nobody")).to.deep.equal([]);
    expect(await typesOf("&since=1700000001&until=1700000002")).to.deep.equal([
      "garbage_collection",
      "verificationjob",
    ]);
    expect(await typesOf("&running=1")).to.deep.equal([]);
  });

  it("says that there may be more when a page is full", async () => {
    const total = async (query: string): Promise<number> => {
      const { text } = await new ApiCalls(server).answer("GET", `/nodes/localhost/tasks?${query}`);
      return (JSON.parse(text) as { total: number }).total;
    };

    expect(await total("limit=2")).to.equal(3);
    expect(await total("limit=2&start=4")).to.equal(5);
    expect(await total("limit=0")).to.equal(5);
  });

  it("shows jobs to those who may run them, and nothing else of others", async () => {
    const verifier = (await otherToken(server, "DatastoreReader")).authorization;
    expect(await typesOf("", verifier)).to.deep.equal(["verificationjob"]);

    const backup = encodeURIComponent(upid(0, "backup", "store1\\x3avm-100"));
    const api = new ApiCalls(server, verifier);
    const { status, text } = await api.answer("GET", `/nodes/localhost/tasks/${backup}/log`);
    expect(`${status} ${text}`).to.equal("400 task access not allowed");

    const admin = (await otherToken(server, "DatastoreAdmin")).authorization;
    expect(await typesOf("", admin)).to.deep.equal([
      "syncjob",
      "prunejob",
      "garbage_collection",
      "verificationjob",
    ]);
  });
});

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { parseDynamicIndex } from "../../../src/format/index/dynamic-index.ts";
import { rawCall } from "../../support/raw-client.ts";
import { startServerOnRealStore } from "../../support/real-store-server.ts";
import { otherToken, type TestServer } from "../../support/test-server.ts";

const SNAPSHOT = "backup-type=host&backup-id=v4meta&backup-time=1717597476";

describe("server/api chunks of a snapshot", () => {
  let server: TestServer;
  before(async () => {
    server = await startServerOnRealStore();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  async function chunk(
    query: string,
    authorization = server.authorization,
  ): ReturnType<typeof rawCall> {
    const path = `/api2/json/amber/datastore/store1/chunk?${query}`;
    return await rawCall(server.port, `GET ${path}`, { headers: { authorization } });
  }

  async function indexFile(): Promise<{ name: string; bytes: Uint8Array }> {
    const folder = join(server.storePath, "host/v4meta/2024-06-05T14:24:36Z");
    const name = (await readdir(folder)).find((each) => each.endsWith(".ppxar.didx")) ?? "";
    return { name, bytes: await readFile(join(folder, name)) };
  }

  it("gives every chunk of an archive as it is stored, by its position", async () => {
    const { name, bytes } = await indexFile();
    const index = parseDynamicIndex(bytes);

    for (let i = 0; i < index.count; i++) {
      const answer = await chunk(`${SNAPSHOT}&file-name=${name}&position=${i}`);
      const digest = index.digestAt(i);
      const stored = await readFile(join(server.storePath, ".chunks", digest.slice(0, 4), digest));
      expect(answer.body.equals(stored)).to.equal(true);
      expect(answer.headers["cache-control"]).to.equal("no-store");
    }
  });

  it("has nothing behind the last chunk, and none in a blob", async () => {
    const { name, bytes } = await indexFile();
    const { count } = parseDynamicIndex(bytes);

    const behind = await chunk(`${SNAPSHOT}&file-name=${name}&position=${count}`);
    const blob = await chunk(`${SNAPSHOT}&file-name=index.json.blob&position=0`);
    const negative = await chunk(`${SNAPSHOT}&file-name=${name}&position=-1`);

    expect(`${behind.status} ${behind.text}`).to.equal(`404 no chunk at position ${count}`);
    expect(`${blob.status} ${blob.text}`).to.equal("400 'index.json.blob' is no archive");
    expect(negative.status).to.equal(400);
  });

  it("refuses chunks of a snapshot that the caller may not read", async () => {
    const { name } = await indexFile();
    const query = `${SNAPSHOT}&file-name=${name}&position=0`;

    const auditor = await otherToken(server, "DatastoreAudit");
    expect((await chunk(query, auditor.authorization)).status).to.equal(403);
    const stranger = await otherToken(server, "DatastoreBackup");
    const answer = await chunk(query, stranger.authorization);
    expect(answer.status).to.equal(400);
    expect(answer.text).to.include("backup owner check failed");
    const reader = await otherToken(server, "DatastoreReader");
    expect((await chunk(query, reader.authorization)).status).to.equal(200);
  });
});

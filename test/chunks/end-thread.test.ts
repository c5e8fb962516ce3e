import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { endThread } from "../../src/chunks/end-thread.ts";
import { loadingWordOf, startWorker } from "../../src/chunks/start-worker.ts";
import { tempDir } from "../support/temp-dir.ts";

const codecThread = pathToFileURL(join(import.meta.dirname, "../../src/chunks/codec-thread.ts"));

describe("chunks/end-thread", () => {
  it("lets a thread load its native modules before it ends it", async () => {
    const worker = startWorker("codec-worker", codecThread.href);
    const word = loadingWordOf(worker);
    const before = word && Atomics.load(word, 0);

    await endThread(worker);

    expect([before, word && Atomics.load(word, 0)]).to.deep.equal([0, 1]);
    expect(worker.threadId).to.equal(-1);
  });

  it("does not wait for a thread that broke while it loaded", async () => {
    await using folder = await tempDir();
    const beside = pathToFileURL(join(folder.path, "caller.js")).href;
    writeFileSync(join(folder.path, "broken-worker.js"), "throw new Error('broken');");
    const worker = startWorker("broken-worker", beside);
    worker.on("error", () => undefined);

    await endThread(worker);

    expect(worker.threadId).to.equal(-1);
  });

  it("is told by every thread that it has loaded", () => {
    const source = join(import.meta.dirname, "../../src");
    const silent = readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith("-worker.ts") && !path.startsWith("web/"))
      .filter((path) => path !== "chunks/start-worker.ts")
      .filter((path) => !/^announceLoaded\(\);$/m.test(readFileSync(join(source, path), "utf8")));

    expect(silent).to.deep.equal([]);
  });
});

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Worker } from "node:worker_threads";

import { expect } from "chai";

import { endThread } from "../../src/chunks/end-thread.ts";
import { threadWordOf, startWorker } from "../../src/chunks/start-worker.ts";
import { claimEnd, holdThread, threadStates } from "../../src/format/bytes/thread-hold.ts";
import { eventually } from "../support/amber-program.ts";
import type { HoldOrder } from "../support/hold-worker.ts";
import { tempDir } from "../support/temp-dir.ts";

const codecThread = pathToFileURL(join(import.meta.dirname, "../../src/chunks/codec-thread.ts"));

function startHolding(order: HoldOrder): Worker {
  const beside = new URL("../support/hold-worker.ts", import.meta.url).href;
  return startWorker("hold-worker", beside, { workerData: order });
}

describe("chunks/end-thread", () => {
  it("lets a thread load its native modules before it ends it", async () => {
    const worker = startWorker("codec-worker", codecThread.href);
    const word = threadWordOf(worker);
    const before = word && Atomics.load(word, 0);

    await endThread(worker);

    expect([before, word && Atomics.load(word, 0)]).to.deep.equal([
      threadStates.held,
      threadStates.ending,
    ]);
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

  it("lets a thread finish what it is held for", async () => {
    const words = new Int32Array(new SharedArrayBuffer(12));
    const worker = startHolding({ words, begins: "at once" });
    await eventually(() => Atomics.load(words, 1) === 1, "the thread to hold itself");

    const ending = endThread(worker);
    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    await ending;

    expect(Atomics.load(words, 2)).to.equal(1);
    expect(worker.threadId).to.equal(-1);
  });

  it("lets a thread that is being ended begin nothing for which it would have to be held", async () => {
    const words = new Int32Array(new SharedArrayBuffer(12));
    const worker = startHolding({ words, begins: "when told" });
    const state = threadWordOf(worker) ?? expect.fail("the thread has no word");
    await eventually(() => claimEnd(state), "the thread to load");

    Atomics.store(words, 0, 1);
    Atomics.notify(words, 0);
    await eventually(() => Atomics.load(words, 1) === 1, "the thread to come to it");
    await endThread(worker);

    expect(Atomics.load(words, 2)).to.equal(0);
    expect(worker.threadId).to.equal(-1);
  });

  it("is not misled by what is held inside of what is held", () => {
    const word = new Int32Array([threadStates.free]);

    const inside = holdThread(word, () => [holdThread(word, () => claimEnd(word)), claimEnd(word)]);

    expect(inside).to.deep.equal([false, false]);
    expect(claimEnd(word)).to.equal(true);
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

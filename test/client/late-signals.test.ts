import { once } from "node:events";
import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";

import { expect } from "chai";

import { startWorker } from "../../src/chunks/start-worker.ts";
import { type ChunkRequest } from "../../src/client/archive/blocking-source.ts";
import { JobRing } from "../../src/client/target/job-ring.ts";
import { digestOfBytes } from "../../src/format/chunk/digest.ts";
import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { DynamicIndexBuilder } from "../../src/format/index/dynamic-index.ts";
import { type LateSignalReading } from "../support/late-signal-reader.ts";

/** Starts a thread that blocks, and wakes it twice without a reason: the second time shows that it went back to sleep. */
async function wokenReader(
  reading: LateSignalReading,
  { memory, ports }: { readonly memory: SharedArrayBuffer; readonly ports: MessagePort[] },
): Promise<Worker> {
  const worker = startWorker("../support/late-signal-reader", import.meta.url, {
    workerData: reading,
    transferList: ports,
  });
  let failure: Error | undefined;
  worker.on("error", (error) => (failure = error));
  worker.on("exit", () => (failure ??= new Error("it did not wait on")));
  await once(worker, "message");
  const words = new Int32Array(memory, 0, 1);
  for (let wakeCount = 0; wakeCount < 2; wakeCount += Atomics.notify(words, 0)) {
    if (failure) throw failure;
    await new Promise((wake) => setTimeout(wake, 1));
  }
  return worker;
}

describe("client, a thread that is woken before there is something for it", () => {
  it("waits on for the next record of a ring", async () => {
    const ring = JobRing.create(64);
    const { memory } = ring;
    // Four records fill it, so that the first lies where the fifth will be.
    for (const byte of [1, 2, 3, 4]) {
      ring.reserve(1).set([byte]);
      ring.commit(9, 1);
    }
    const reader = await wokenReader({ kind: "ring", memory }, { memory, ports: [] });

    ring.reserve(2).set([7, 8]);
    ring.commit(5, 2);
    const [got] = (await once(reader, "message")) as [unknown];

    expect(got).to.deep.equal({ kind: 5, bytes: [7, 8] });
    await reader.terminate();
  });

  it("waits on for the chunk that it has asked for", async () => {
    const builder = new DynamicIndexBuilder(createNativeProvider());
    builder.append(4, digestOfBytes(new Uint8Array(32)));
    const index = builder.build({ uuid: new Uint8Array(16), createdAtSec: 0n });
    const { port1: mine, port2: port } = new MessageChannel();
    const memory = new SharedArrayBuffer(4);
    const asked = once(mine, "message") as Promise<[ChunkRequest]>;
    const reader = await wokenReader(
      { kind: "source", asking: { port, signal: memory }, index },
      { memory, ports: [port] },
    );

    const [{ index: i }] = await asked;
    mine.postMessage({ index: i, plain: Uint8Array.of(1, 2, 3, 4), slot: undefined });
    const words = new Int32Array(memory);
    Atomics.add(words, 0, 1);
    Atomics.notify(words, 0);
    const [got] = (await once(reader, "message")) as [unknown];

    expect(got).to.deep.equal([1, 2, 3, 4]);
    mine.close();
    await reader.terminate();
  });
});

import { expect } from "chai";

import { type ChunkSource } from "../../src/chunks/chunk-source.ts";
import { bounded } from "../../src/chunks/bounded.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";

const digestOf = (i: number): Digest => parseDigest(String(i).padStart(64, "0"));

describe("chunks/bounded", () => {
  it("lets no more reads through than it may, in order, and all of them in the end", async () => {
    let running = 0;
    let runningMax = 0;
    const started: string[] = [];
    const source = bounded({ readsMax: 3, bytesMax: Infinity })({
      readChunk: async (digest) => {
        started.push(digest);
        runningMax = Math.max(runningMax, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return new Uint8Array(Number(digest));
      },
    });

    const chunks = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => await source.readChunk(digestOf(i))),
    );

    expect(runningMax).to.equal(3);
    expect(chunks.map(({ length }) => length)).to.deep.equal(started.map(Number));
  });

  it("gives the place of a failed read to the next", async () => {
    const source = bounded({ readsMax: 1, bytesMax: Infinity })({
      readChunk: async (digest) => {
        await Promise.resolve();
        if (Number(digest) % 2 === 0) throw new Error("even");
        return new Uint8Array(1);
      },
    });

    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, async (_, i) => await source.readChunk(digestOf(i))),
    );

    expect(outcomes.map(({ status }) => status === "fulfilled")).to.deep.equal([
      ...[false, true, false, true, false, true],
    ]);
  });

  it("counts each read as two of its chunks, for all sources together, and always lets one go on", async () => {
    const started: string[] = [];
    const finish: (() => void)[] = [];
    const bound = bounded({ readsMax: 9, bytesMax: 1000 });
    const sourceOf = (name: string): ChunkSource =>
      bound({
        readChunk: async () => {
          started.push(name);
          await new Promise<void>((resolve) => finish.push(resolve));
          return new Uint8Array(0);
        },
      });
    const settle = async (): Promise<void> => {
      finish.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    };

    const reads = [
      sourceOf("a").readChunk(digestOf(1), { loanBytes: 300 }),
      sourceOf("b").readChunk(digestOf(2), { loanBytes: 200 }),
      sourceOf("too long").readChunk(digestOf(3), { loanBytes: 2000 }),
      sourceOf("c").readChunk(digestOf(4), { loanBytes: 1 }),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    const atOnce = [...started];
    await settle();
    const afterOne = [...started];
    await settle();
    const afterTwo = [...started];
    for (let i = 0; i < 2; i++) await settle();
    await Promise.all(reads);

    expect(atOnce).to.deep.equal(["a", "b"]);
    expect(afterOne).to.deep.equal(["a", "b"]);
    expect(afterTwo).to.deep.equal(["a", "b", "too long"]);
    expect(started).to.deep.equal(["a", "b", "too long", "c"]);
  });
});

import { expect } from "chai";

import { bounded } from "../../src/chunks/bounded.ts";
import { type Digest, parseDigest } from "../../src/format/chunk/digest.ts";

const digestOf = (i: number): Digest => parseDigest(String(i).padStart(64, "0"));

describe("chunks/bounded", () => {
  it("lets no more reads through than it may, in order, and all of them in the end", async () => {
    let running = 0;
    let runningMax = 0;
    const started: string[] = [];
    const source = bounded(
      {
        readChunk: async (digest) => {
          started.push(digest);
          runningMax = Math.max(runningMax, ++running);
          await new Promise((resolve) => setImmediate(resolve));
          running--;
          return new Uint8Array(Number(digest));
        },
      },
      3,
    );

    const chunks = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => await source.readChunk(digestOf(i))),
    );

    expect(runningMax).to.equal(3);
    expect(chunks.map(({ length }) => length)).to.deep.equal(started.map(Number));
  });

  it("gives the place of a failed read to the next", async () => {
    const source = bounded(
      {
        readChunk: async (digest) => {
          await Promise.resolve();
          if (Number(digest) % 2 === 0) throw new Error("even");
          return new Uint8Array(1);
        },
      },
      1,
    );

    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, async (_, i) => await source.readChunk(digestOf(i))),
    );

    expect(outcomes.map(({ status }) => status === "fulfilled")).to.deep.equal([
      ...[false, true, false, true, false, true],
    ]);
  });
});

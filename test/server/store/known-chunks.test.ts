import { expect } from "chai";
import fc from "fast-check";

import { toHex } from "../../../src/format/bytes/hex.ts";
import { digestOfBytes } from "../../../src/format/chunk/digest.ts";
import { KnownChunks } from "../../../src/server/store/known-chunks.ts";
import { prng } from "../../support/prng.ts";

describe("server/store/known-chunks", () => {
  it("behaves like a Map", () => {
    // Digests that differ in single bytes only, so that neighbours collide.
    const digest = fc
      .tuple(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 0, max: 3 }))
      .map(([place, value]) => {
        const bytes = new Uint8Array(32);
        bytes[place] = value;
        return bytes;
      });
    const step = fc.tuple(digest, fc.integer({ min: 1, max: 16 * 1024 * 1024 }));

    fc.assert(
      fc.property(fc.array(step), fc.array(digest), fc.integer(), (steps, probes, seed) => {
        const known = new KnownChunks(seed);
        const model = new Map<string, number>();
        for (const [bytes, size] of steps) {
          known.addBytes(bytes, size);
          model.set(toHex(bytes), size);
        }
        for (const bytes of [...probes, ...steps.map(([bytes]) => bytes)]) {
          expect(known.sizeOf(bytes)).to.equal(model.get(toHex(bytes)));
        }
        expect(known.count).to.equal(model.size);
      }),
    );
  });

  it("holds as many as a large base has", () => {
    const known = new KnownChunks(1);
    const count = 20_000;
    const bytes = prng(1, count * 32);
    for (let i = 0; i < count; i++) known.addBytes(bytes.subarray(32 * i, 32 * i + 32), i + 1);

    expect(known.count).to.equal(count);
    expect(known.sizeOf(bytes.subarray(32 * 777, 32 * 778))).to.equal(778);
    expect(known.has(digestOfBytes(prng(2, 32)))).to.equal(false);
    known.add(digestOfBytes(prng(2, 32)), 5);
    expect(known.has(digestOfBytes(prng(2, 32)))).to.equal(true);
  });
});

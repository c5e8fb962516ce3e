import { createHash } from "node:crypto";

import { expect } from "chai";
import fc from "fast-check";

import { KnownChunks } from "../../../src/client/session/known-chunks.ts";
import { digestOfBytes } from "../../../src/format/chunk/digest.ts";

describe("client/session/known-chunks", () => {
  it("behaves like a Set, also for names that collide in the table", () => {
    // Few different first bytes, so that many names want the same slot.
    const name = fc
      .tuple(fc.nat(3), fc.nat(200))
      .map(([slot, rest]) => Uint8Array.of(slot, 0, 0, 0, ...new Uint8Array(27), rest));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 300 }), fc.array(name), (added, asked) => {
        const known = new KnownChunks();
        const model = new Set<string>();
        for (const bytes of added) {
          known.addBytes(bytes);
          model.add(digestOfBytes(bytes));
        }

        expect(known.count).to.equal(model.size);
        for (const bytes of [...added, ...asked]) {
          expect(known.has(digestOfBytes(bytes))).to.equal(model.has(digestOfBytes(bytes)));
        }
      }),
    );
  });

  it("grows to a hundred thousand names", () => {
    const known = new KnownChunks();
    const hash = (i: number): Buffer => createHash("sha256").update(String(i)).digest();
    for (let i = 0; i < 100_000; i++) known.addBytes(hash(i));

    expect(known.count).to.equal(100_000);
    expect(known.has(digestOfBytes(hash(99_999)))).to.equal(true);
    expect(known.has(digestOfBytes(hash(100_001)))).to.equal(false);
  });
});

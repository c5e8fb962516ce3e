import { expect } from "chai";

import { DigestSet } from "../../../src/server/store/digest-set.ts";
import { prng } from "../../support/prng.ts";

const seed = prng(7, 8);

/** Digests one behind another. */
function digests(first: number, count: number): Uint8Array {
  return prng(first, 32 * count);
}

describe("server/store/digest-set", () => {
  it("knows what was added, and says once that it is new", () => {
    const set = new DigestSet(seed);
    const added = digests(1, 20_000);

    let newCount = 0;
    for (let at = 0; at < added.length; at += 32) if (set.add(added, at)) newCount++;
    let knownCount = 0;
    for (let at = 0; at < added.length; at += 32) if (set.has(added, at)) knownCount++;

    expect(newCount).to.equal(20_000);
    expect(knownCount).to.equal(20_000);
    expect(set.count).to.equal(20_000);
    expect(set.add(added, 32)).to.equal(false);
  });

  it("does not take others for them", () => {
    const set = new DigestSet(seed);
    const added = digests(1, 20_000);
    for (let at = 0; at < added.length; at += 32) set.add(added, at);
    const others = digests(2, 20_000);

    let falseCount = 0;
    for (let at = 0; at < others.length; at += 32) if (set.has(others, at)) falseCount++;

    expect(falseCount).to.equal(0);
  });

  it("tells digests apart that differ in one bit", () => {
    const set = new DigestSet(seed);
    const digest = digests(3, 1);
    set.add(digest);

    for (let bit = 0; bit < 256; bit++) {
      const other = digest.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(set.has(other), `bit ${bit}`).to.equal(false);
    }
  });

  it("needs six and a half bytes for a digest at most when there are many", () => {
    const set = new DigestSet(seed);
    const added = digests(4, 500_000);
    for (let at = 0; at < added.length; at += 32) set.add(added, at);

    expect(set.byteSize / set.count).to.be.lessThan(6.5);
  });
});

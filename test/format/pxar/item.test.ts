import { expect } from "chai";

import { filenameHash } from "../../../src/format/pxar/filename-hash.ts";
import { pxarItems } from "../../../src/format/pxar/item.ts";
import { pxarFixtureText } from "../../support/pxar-fixtures.ts";

describe("format/pxar/item", () => {
  for (const item of Object.values(pxarItems)) {
    it(`derives ${item.name} from the hash of its text`, () => {
      const halves = new Uint32Array(2);

      filenameHash(Buffer.from(item.hashedText), halves);

      expect([item.low >>> 0, item.high >>> 0]).to.deep.equal([...halves]);
    });
  }

  it("has every item type of the specification", () => {
    const { item_types: expected } = JSON.parse(pxarFixtureText("examples/pxar-vectors.json")) as {
      item_types: Record<string, { u64: string }>;
    };

    const types = Object.entries(pxarItems).map(([name, { low, high }]) => [
      name,
      `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16).padStart(16, "0")}`,
    ]);

    expect(Object.fromEntries(types)).to.deep.equal(
      Object.fromEntries(Object.entries(expected).map(([name, { u64 }]) => [name, u64])),
    );
  });
});

import { expect } from "chai";

import { equalBytes } from "../../../src/format/bytes/equal-bytes.ts";

describe("format/bytes/equal-bytes", () => {
  it("tells equal bytes from bytes that differ anywhere or in length", () => {
    const bytes = Uint8Array.of(1, 2, 0);

    expect(equalBytes(bytes, Uint8Array.of(1, 2, 0))).to.equal(true);
    expect(equalBytes(bytes, Uint8Array.of(1, 2, 128))).to.equal(false);
    expect(equalBytes(bytes, Uint8Array.of(0, 2, 0))).to.equal(false);
    expect(equalBytes(bytes, Uint8Array.of(1, 2))).to.equal(false);
    expect(equalBytes(Uint8Array.of(1, 2), bytes)).to.equal(false);
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).to.equal(true);
  });
});

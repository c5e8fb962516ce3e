import { expect } from "chai";

import { returnAllocationsFrom } from "../../src/linux/large-allocations.ts";

describe("linux/large-allocations", () => {
  it("agrees with the C library on a size", () => {
    expect(returnAllocationsFrom(1024 * 1024)).to.equal(true);
  });
});

import { expect } from "chai";

import { MemoryBudget } from "../../../src/server/session/memory-budget.ts";

describe("server/session/memory-budget", () => {
  it("grants in the order of asking, so that a large wish is not overtaken for ever", async () => {
    const budget = new MemoryBudget(10);
    const order: string[] = [];
    const release = await budget.take(8);
    const large = budget.take(10).then((free) => {
      order.push("large");
      free();
    });
    const small = budget.take(1).then((free) => {
      order.push("small");
      free();
    });

    release();
    await Promise.all([large, small]);

    expect(order).to.deep.equal(["large", "small"]);
    expect(budget.freeBytes).to.equal(10);
  });

  it("takes back only once", async () => {
    const budget = new MemoryBudget(10);
    const release = await budget.take(4);

    release();
    release();

    expect(budget.freeBytes).to.equal(10);
  });
});

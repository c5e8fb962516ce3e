import { expect } from "chai";

import { estimateFullDate } from "../../../src/server/node/full-date.ts";

const DAY = 86_400;

function usage(count: number, start: number, growth: number): (readonly [number, number])[] {
  return Array.from({ length: count }, (_, day) => [day * DAY, start + day * growth] as const);
}

describe("server/node/full-date", () => {
  it("finds the day on which the line through the points reaches the top", () => {
    expect(estimateFullDate(usage(10, 0.5, 0.01))).to.be.within(50 * DAY - 2, 50 * DAY + 2);
  });

  it("says nothing with fewer than seven points", () => {
    expect(estimateFullDate(usage(6, 0.5, 0.01))).to.equal(undefined);
  });

  it("gives a time in the past for what is not filling up", () => {
    const last = 9 * DAY;

    expect(estimateFullDate(usage(10, 0.5, 0))).to.equal(0);
    expect(estimateFullDate(usage(10, 0.5, -0.01))).to.be.below(last);
  });
});

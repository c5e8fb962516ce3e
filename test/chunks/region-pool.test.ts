import { expect } from "chai";
import fc from "fast-check";

import { RegionPool } from "../../src/chunks/region-pool.ts";
import { thrown } from "../support/thrown.ts";

const PAGE = 4096;

function takeLoan(pool: RegionPool, size: number): number {
  const bytes = pool.tryTake(size);
  const loan = bytes && pool.loanOf(bytes);
  if (loan === undefined) throw new Error("the pool is full");
  return loan;
}

describe("chunks/region-pool", () => {
  it("lends exactly as many bytes as were asked for, none of them twice", () => {
    const pool = new RegionPool({ bytes: 8 * PAGE });

    const first = pool.tryTake(PAGE + 1);
    const second = pool.tryTake(10);
    first?.fill(1);
    second?.fill(2);

    expect(first).to.have.lengthOf(PAGE + 1);
    expect(second).to.have.lengthOf(10);
    expect(first?.every((byte) => byte === 1)).to.equal(true);
  });

  it("has nothing for who wants more than one stretch that is free", () => {
    const pool = new RegionPool({ bytes: 4 * PAGE });
    const loans = [1, 2, 3, 4].map(() => takeLoan(pool, PAGE));
    for (const i of [0, 2]) pool.giveBack(loans[i] ?? 0);

    expect(pool.freeBytes).to.equal(2 * PAGE);
    expect(pool.tryTake(PAGE + 1)).to.equal(undefined);
    expect(pool.tryTake(PAGE)).to.have.lengthOf(PAGE);
  });

  it("knows the loan of a view that starts behind a header, and none of other memory", () => {
    const pool = new RegionPool({ bytes: 4 * PAGE });
    takeLoan(pool, PAGE);
    const bytes = pool.tryTake(PAGE) ?? new Uint8Array(0);

    expect(pool.loanOf(bytes.subarray(44))).to.equal(PAGE);
    expect(pool.loanOf(new Uint8Array(10))).to.equal(undefined);
  });

  it("takes a region back only once", () => {
    const pool = new RegionPool({ bytes: 4 * PAGE });
    const loan = takeLoan(pool, PAGE);
    pool.giveBack(loan);

    const again = thrown(() => {
      pool.giveBack(loan);
    });

    expect(again).to.be.instanceOf(Error);
  });

  it("is one free stretch again when everything came back, in whatever order", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5 * PAGE }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (wanted, chances) => {
        const pool = new RegionPool({ bytes: 64 * PAGE });
        const taken = wanted.map((size) => takeLoan(pool, size));

        while (taken.length > 0) {
          const [loan = 0] = taken.splice((chances.next().value ?? 0) % taken.length, 1);
          pool.giveBack(loan);
        }

        expect(pool.tryTake(64 * PAGE)).to.have.lengthOf(64 * PAGE);
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});

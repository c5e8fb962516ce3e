import { expect } from "chai";
import fc from "fast-check";

import { resolutions, RoundRobin } from "../../../src/server/node/round-robin.ts";

const MINUTE = { stepSec: 60, count: 5 };
const T0 = 1_700_000_040; // Beginning of a minute.

describe("server/node/round-robin", () => {
  it("gives average and maximum of each step, oldest first", () => {
    const series = RoundRobin.empty();
    for (const [offset, value] of [
      [0, 1],
      [30, 5],
      [60, 7],
    ] as const) {
      series.add(T0 + offset, value);
    }

    expect(series.read(T0 + 60, MINUTE, "AVERAGE")).to.deep.equal([
      undefined,
      undefined,
      undefined,
      3,
      7,
    ]);
    expect(series.read(T0 + 60, MINUTE, "MAX").slice(3)).to.deep.equal([5, 7]);
  });

  it("knows nothing about steps in which nothing was measured", () => {
    const series = RoundRobin.empty();
    series.add(T0, 1);
    series.add(T0 + 180, 4);

    expect(series.read(T0 + 240, MINUTE, "AVERAGE")).to.deep.equal([
      1,
      undefined,
      undefined,
      4,
      undefined,
    ]);
  });

  it("forgets what is older than it has room for", () => {
    const series = RoundRobin.empty();
    series.add(T0, 1);
    series.add(T0 + 1440 * 60, 2);

    const day = { stepSec: 60, count: 1440 };
    const known = series.read(T0 + 1440 * 60, day, "AVERAGE").filter((v) => v !== undefined);
    expect(known).to.deep.equal([2]);
  });

  it("leaves out measurements of a clock that went back", () => {
    const series = RoundRobin.empty();
    series.add(T0, 1);
    series.add(T0 - 3600, 9);

    expect(series.read(T0, MINUTE, "MAX").at(-1)).to.equal(1);
  });

  it("is the same after it was stored", () => {
    const measurement = fc.tuple(
      fc.integer({ min: 0, max: 3_000_000 }),
      fc.double({ noNaN: true, min: 0, max: 1e15 }),
    );
    fc.assert(
      fc.property(
        fc.array(measurement, { maxLength: 30 }),
        fc.array(measurement, { maxLength: 5 }),
        (before, after) => {
          const series = RoundRobin.empty();
          for (const [offset, value] of before) series.add(T0 + offset, value);
          const copy = RoundRobin.restore(
            JSON.parse(JSON.stringify(series.store())) as ReturnType<typeof series.store>,
          );
          for (const each of [series, copy]) {
            for (const [offset, value] of after) each?.add(T0 + offset, value);
          }
          for (const resolution of resolutions) {
            expect(copy?.read(T0 + 3_000_000, resolution, "AVERAGE")).to.deep.equal(
              series.read(T0 + 3_000_000, resolution, "AVERAGE"),
            );
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

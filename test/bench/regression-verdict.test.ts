import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect } from "chai";

import {
  baselineStep,
  parseBaseline,
  quantile,
  verdictOn,
} from "../../bench/regression-verdict.ts";

const baseline = { ratio: 1, upper: 1.05, allowed: 0.1 };

describe("bench/regression-verdict", () => {
  it("calls a step slower when its median and three quarters of its rounds are above the baseline's", () => {
    const verdict = verdictOn("restore", [1.1, 1.12, 1.12, 1.13, 1.2], baseline);

    expect(verdict).to.include({ slower: true, median: 1.12, change: 1.12 });
  });

  it("takes ten per cent, and what got faster", () => {
    expect(verdictOn("restore", [1.08, 1.09, 1.09, 1.1, 1.1], baseline).slower).to.equal(false);
    expect(verdictOn("restore", [0.5, 0.5, 0.5, 0.5, 0.5], baseline).slower).to.equal(false);
  });

  it("does not go by a median that the spread of the baseline reaches", () => {
    expect(verdictOn("restore", [0.98, 1.0, 1.12, 1.3, 1.5], baseline).slower).to.equal(false);
  });

  it("allows more for a step whose baseline says so", () => {
    const noisy = { ...baseline, allowed: 0.2 };

    expect(verdictOn("restore", [1.15, 1.15, 1.15], noisy).slower).to.equal(false);
    expect(verdictOn("restore", [1.25, 1.25, 1.25], noisy).slower).to.equal(true);
  });

  it("says nothing against a step that has no baseline", () => {
    expect(verdictOn("new", [9, 9, 9], undefined)).to.include({ slower: false, change: undefined });
  });

  it("makes a baseline of median and upper quartile, and keeps what was allowed", () => {
    expect(baselineStep([1, 2, 3, 4, 5], undefined)).to.deep.equal({
      ratio: 3,
      upper: 4,
      allowed: 0.1,
    });
    expect(baselineStep([1, 2, 3], { ...baseline, allowed: 0.2 }).allowed).to.equal(0.2);
  });

  it("finds values between two", () => {
    expect(quantile([4, 1, 2, 3], 0.5)).to.equal(2.5);
    expect(quantile([1], 0.25)).to.equal(1);
    expect(quantile([], 0.5)).to.be.NaN;
  });

  it("refuses a baseline with a number missing, and one of an unknown meter", () => {
    const of = (meter: string, step: object): string =>
      JSON.stringify({ [meter]: { restore: step } });

    expect(() => parseBaseline(of("cpu-seconds", { ratio: 1, upper: 1 }))).to.throw(
      /"allowed" of "restore"/,
    );
    expect(() => parseBaseline(of("hours", baseline))).to.throw(/unknown meter "hours"/);
  });

  it("keeps a baseline that can be read, for CPU seconds at least", () => {
    const kept = parseBaseline(
      readFileSync(resolve(import.meta.dirname, "../../bench/baseline.json"), "utf8"),
    );

    expect(Object.keys(kept["cpu-seconds"] ?? {})).to.have.length(4);
  });
});

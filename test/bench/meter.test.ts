import { expect } from "chai";

import { cpuSecondsIn, measured, perfCount } from "../../bench/meter.ts";

const busy = ["bash", "-c", "for ((i = 0; i < 50000; i++)); do :; done"];

describe("bench/meter", () => {
  it("adds user and system time of a process, whatever its name is", () => {
    const stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0 100";

    expect(cpuSecondsIn(stat)).to.equal(1.75);
  });

  it("reads the count of perf, and knows when there is none", () => {
    expect(perfCount("# started on\n\n1234567,,instructions:u,1,100.00,,\n")).to.equal(1234567);
    expect(perfCount("0.54,msec,task-clock,543067,100.00,,\n")).to.equal(0.54);
    expect(perfCount("<not supported>,,instructions:u,0,100.00,,\n")).to.equal(undefined);
  });

  it("counts what a command takes, and what others take in the meantime", () => {
    const cost = measured("cpu-seconds", busy, { others: [process.pid], env: {} });

    expect(cost.command).to.be.above(0);
    expect(cost.others).to.be.at.least(0);
  });

  it("says which command failed, and why", () => {
    const failing = ["bash", "-c", "exit 3"];

    expect(() => measured("cpu-seconds", failing, { others: [], env: {} })).to.throw(/exit 3/);
  });
});

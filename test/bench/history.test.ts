import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect } from "chai";

import { chartsOf } from "../../bench/draw-charts.ts";
import {
  type HistoryLine,
  median,
  newestComparison,
  parseHistory,
  readHistory,
} from "../../bench/history.ts";

const line: HistoryLine = {
  date: "2026-11-26",
  source: "bench",
  commit: "0123456789ab",
  machine: { cpu: "a processor", cores: 2, memoryGiB: 24, kernel: "6.1.0" },
  node: "v20.20.2",
  rounds: 2,
  tools: [{ name: "amber" }, { name: "borg", version: "1.2.4" }],
  measurements: [
    { step: "restore", tool: "amber", seconds: [1, 2], peakMiB: [100, 110] },
    { step: "restore", tool: "borg", seconds: [3, 4], peakMiB: [] },
  ],
};

describe("bench/history", () => {
  it("reads what it wrote, one run a line", () => {
    const text = `${JSON.stringify(line)}\n${JSON.stringify({ ...line, rounds: 3 })}\n`;

    const lines = parseHistory(text);

    expect(lines).to.deep.equal([line, { ...line, rounds: 3 }]);
  });

  it("names the line and the field that are wrong", () => {
    const text = `${JSON.stringify(line)}\n${JSON.stringify({ ...line, date: "yesterday" })}\n`;

    expect(() => parseHistory(text)).to.throw(/line 2 .*"date"/);
    expect(() => parseHistory("{\n")).to.throw(/line 1 /);
  });

  it("refuses a measurement without a round, or with seconds that are none", () => {
    const withSeconds = (seconds: readonly unknown[]): string =>
      JSON.stringify({ ...line, measurements: [{ ...line.measurements[0], seconds }] });

    expect(() => parseHistory(withSeconds([]))).to.throw(/"measurements"/);
    expect(() => parseHistory(withSeconds(["1"]))).to.throw(/"measurements"/);
  });

  it("refuses CPU seconds that are none", () => {
    const text = JSON.stringify({
      ...line,
      measurements: [{ ...line.measurements[0], cpuSeconds: ["1"] }],
    });

    expect(() => parseHistory(text)).to.throw(/"measurements"/);
  });

  it("takes the newest run in which a peer took one of the steps for a chart", () => {
    const alone = { ...line, measurements: line.measurements.slice(0, 1) };

    expect(newestComparison([{ ...line, rounds: 1 }, line, alone], ["restore"])).to.equal(line);
    expect(newestComparison([alone], ["restore"])).to.equal(undefined);
    expect(newestComparison([line], ["find"])).to.equal(undefined);
  });

  it("takes what lies between two for the median", () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([2, 1])).to.equal(1.5);
    expect(median([])).to.be.NaN;
  });

  it("keeps a history that can be read, and the charts that it draws", () => {
    const folder = resolve(import.meta.dirname, "../../docs/charts");

    const charts = chartsOf(readHistory());

    expect(charts).not.to.have.property("size", 0);
    for (const [name, chart] of charts) {
      expect(readFileSync(resolve(folder, name), "utf8")).to.equal(chart);
    }
  });
});

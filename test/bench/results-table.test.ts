import { expect } from "chai";

import { type HistoryLine } from "../../bench/history.ts";
import { resultsTable } from "../../bench/results-table.ts";

const line: HistoryLine = {
  date: "2026-11-26",
  source: "bench",
  machine: { cpu: "a processor", cores: 2, memoryGiB: 24 },
  node: "v20.20.2",
  rounds: 3,
  tools: [{ name: "amber" }, { name: "amber-enc" }, { name: "restic" }, { name: "borg" }],
  measurements: [
    { step: "restore", tool: "amber", seconds: [2, 1, 3], peakMiB: [100, 120, 110] },
    { step: "restore", tool: "amber-enc", seconds: [3], peakMiB: [130] },
    { step: "restore", tool: "restic", seconds: [8], peakMiB: [90] },
    { step: "restore", tool: "borg", seconds: [4], peakMiB: [] },
  ],
};

describe("bench/results-table", () => {
  it("shows median, spread and peak, and the ratios to the best peer and to what is not encrypted", () => {
    const rows = resultsTable(line).split("\n").slice(2);

    expect(rows).to.deep.equal([
      "| step | amber | amber-enc | restic | borg | amber ÷ best peer | encrypted ÷ not |",
      "|---|---|---|---|---|---|---|",
      "| restore | 2.00 (1.00–3.00), 120 MiB | 3.00 (3.00–3.00), 130 MiB | 8.00 (8.00–8.00), 90 MiB | 4.00 (4.00–4.00) | 0.50 | 1.50 |",
    ]);
  });

  it("shows CPU seconds, and how long single reads took, where they were counted", () => {
    const counted = {
      ...line,
      tools: [{ name: "amber" }],
      measurements: [
        {
          ...{ step: "random reads", tool: "amber", seconds: [2], peakMiB: [] },
          ...{ cpuSeconds: [1.5], p50Ms: [0.25], p99Ms: [8] },
        },
      ],
    };

    expect(resultsTable(counted).split("\n").at(-1)).to.contain(
      "| 2.00 (2.00–2.00), 1.50 CPU, 0.250/8.000 ms |",
    );
  });

  it("has no ratio where there is nothing to compare with", () => {
    const alone = { ...line, tools: [{ name: "amber" }] };

    expect(resultsTable(alone).split("\n").at(-1)).to.match(/\| – \|$/);
  });
});

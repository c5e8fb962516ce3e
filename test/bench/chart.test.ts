import { expect } from "chai";

import { drawTimes } from "../../bench/chart.ts";
import { type HistoryLine } from "../../bench/history.ts";

const line: HistoryLine = {
  date: "2026-11-26",
  source: "bench",
  machine: { cpu: "A&B <fast>", cores: 2, memoryGiB: 24 },
  node: "v20.20.2",
  rounds: 3,
  tools: [{ name: "amber" }, { name: "borg", version: "1.2.4" }, { name: "casync" }],
  measurements: [
    { step: "restore", tool: "amber", seconds: [1, 2, 4], peakMiB: [] },
    { step: "restore", tool: "borg", seconds: [8, 8, 8], peakMiB: [] },
    { step: "find", tool: "amber", seconds: [4], peakMiB: [] },
  ],
};

const steps = ["restore", "find"];

/** Lengths of the bars, in the order of the drawing. */
function barsOf(svg: string): number[] {
  return [...svg.matchAll(/<rect class="(?:ours|peer)"[^>]* width="([\d.]+)"/g)].map((bar) =>
    Number(bar[1]),
  );
}

describe("bench/chart", () => {
  it("draws a bar for every tool that took the step, as long as its median", () => {
    const [amber = 0, borg = 0, find = 0, ...more] = barsOf(drawTimes(line, steps));

    expect(more).to.deep.equal([]);
    expect(borg / amber).to.be.closeTo(4, 0.01);
    expect(find / amber).to.be.closeTo(2, 0.01);
  });

  it("draws only the steps that are wanted, to the scale of the longest of these", () => {
    const [amber = 0, ...more] = barsOf(drawTimes(line, ["find"]));
    const [first = 0] = barsOf(drawTimes(line, ["restore"]));

    expect(more).to.deep.equal([]);
    expect(amber).to.be.greaterThan(first);
  });

  it("shows the spread where rounds differ, and nowhere else", () => {
    const svg = drawTimes(line, steps);

    expect(svg.match(/class="whisker"/g)).to.have.length(1);
    expect(svg).to.contain("amber: 2.00 s (1.00–4.00 s)").and.to.contain("borg: 8.00 s<");
  });

  it("says in words what it shows, and on what it was measured", () => {
    const description = /<desc id="desc">(.*)<\/desc>/.exec(drawTimes(line, steps))?.[1];

    expect(description)
      .to.contain("restore: amber 2.00, borg 8.00. find: amber 4.00.")
      .and.to.contain("2 × A&amp;B &lt;fast&gt;, 24 GiB")
      .and.to.contain("borg 1.2.4");
  });

  it("has colours for light and for dark, and refers to nothing outside", () => {
    const svg = drawTimes(line, steps);

    expect(svg).to.contain("prefers-color-scheme: dark");
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.to.match(
      /https?:|href|url\(/,
    );
  });
});

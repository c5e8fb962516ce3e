import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { drawTimes } from "./chart.ts";
import { type HistoryLine, newestComparison, readHistory } from "./history.ts";
import { type StepGroup, stepGroups } from "./tool.ts";

/** Where charts are kept. */
const chartsFolder = resolve(import.meta.dirname, "../docs/charts");

/** A chart for each group of steps, by the name of its file. */
const charts: Readonly<Record<string, StepGroup>> = { "times.svg": "tree", "image.svg": "image" };

/** The charts that a history gives, each of the newest run that compares its group of steps; by name of file. */
export function chartsOf(history: readonly HistoryLine[]): ReadonlyMap<string, string> {
  const drawn = new Map<string, string>();
  for (const [name, group] of Object.entries(charts)) {
    const line = newestComparison(history, stepGroups[group]);
    if (line) drawn.set(name, drawTimes(line, stepGroups[group]));
  }
  return drawn;
}

/** Draws them into docs/charts/; returns the paths. */
export function drawCharts(): readonly string[] {
  mkdirSync(chartsFolder, { recursive: true });
  return [...chartsOf(readHistory())].map(([name, chart]) => {
    const path = join(chartsFolder, name);
    writeFileSync(path, chart);
    return path;
  });
}

if (process.argv[1] === import.meta.filename) {
  for (const path of drawCharts()) console.log(path);
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { drawTimes } from "./chart.ts";
import { newestComparison, readHistory } from "./history.ts";

/** Where charts are kept. */
const chartsFolder = resolve(import.meta.dirname, "../docs/charts");

/** Draws the newest comparison in the history into docs/charts/; returns the paths. */
export function drawCharts(): readonly string[] {
  const line = newestComparison(readHistory());
  if (!line) throw new Error("no run in the history compares Amber with anything");
  mkdirSync(chartsFolder, { recursive: true });
  const path = join(chartsFolder, "times.svg");
  writeFileSync(path, drawTimes(line));
  return [path];
}

if (process.argv[1] === import.meta.filename) {
  for (const path of drawCharts()) console.log(path);
}

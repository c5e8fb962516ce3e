/**
 * Question: how does Amber compare, on one machine and in one run, with restic, borg and casync as Debian ships them?
 *
 * Usage: `npm run bench` (root, Debian 12), or with `-- --rounds 3 --tools amber,restic --data DIR --keep`.
 * Installs what it needs from Debian, prepares the data once, runs every step of every tool in turn, round by round,
 * and prints a table of medians, spreads and ratios to the best peer and of encrypted to not encrypted; each run is a line in
 * bench/history.jsonl; `--write` also puts the table into bench/results.md and draws the charts.
 * Everything is warm in the page cache. Amber is measured with its server and client on the same cores.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { type AmberTool, amberTool } from "./amber-tool.ts";
import { prepareData } from "./comparison-data.ts";
import { resultsTable } from "./results-table.ts";
import { drawCharts } from "./draw-charts.ts";
import {
  appendHistory,
  checkedOutCommit,
  type HistoryLine,
  type Measurement,
  thisMachine,
} from "./history.ts";
import { borgTool, casyncTool, resticTool } from "./peer-tools.ts";
import { type Sample, timed } from "./timed-run.ts";
import { type Places, type Step, steps, type Tool } from "./tool.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    tools: { type: "string", default: "amber,amber-one,amber-dir,amber-enc,restic,borg,casync" },
    data: { type: "string", default: "/var/tmp/amber-bench" },
    write: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

const rounds = Number(options.rounds);
const data = resolve(options.data);
const places: Places = {
  tree: join(data, "linux-source-6.1"),
  big: join(data, "big"),
  work: join(data, "work"),
};
const SUBTREE = "drivers/gpu";

const known: readonly (Tool | AmberTool)[] = [
  amberTool("amber", places, { encryption: "none", mounts: "datastore", reads: "server" }),
  amberTool("amber-one", places, { encryption: "none", mounts: "archives", reads: "server" }),
  amberTool("amber-dir", places, { encryption: "none", mounts: "datastore", reads: "folder" }),
  amberTool("amber-enc", places, { encryption: "encrypt", mounts: "datastore", reads: "server" }),
  resticTool(places),
  borgTool(places),
  casyncTool(places),
];
const tools = options.tools.split(",").map((name) => {
  const tool = known.find((one) => one.name === name);
  if (!tool) throw new Error(`unknown tool "${name}"`);
  return tool;
});

const samples = new Map<string, Sample[]>();
function record(tool: Tool, step: Step, sample: Sample): void {
  const key = `${tool.name}/${step}`;
  samples.set(key, [...(samples.get(key) ?? []), sample]);
  console.log(
    `${tool.name.padEnd(9)} ${step.padEnd(26)} ${sample.seconds.toFixed(2).padStart(7)} s ${sample.maxRssMiB.toFixed(0).padStart(5)} MiB`,
  );
}

async function measure(tool: Tool | AmberTool): Promise<void> {
  await tool.prepare();
  record(tool, "first backup", tool.backup());
  await new Promise((wake) => setTimeout(wake, 1100)); // snapshots are named by the second
  record(tool, "unchanged backup", tool.backup());
  const target = join(places.work, "restored");
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  record(tool, "restore", tool.restore(target));
  rmSync(target, { recursive: true, force: true });
  tool.backupBig();
  const mounted = await tool.mount();
  const within = (sample: Sample): Sample => ({
    seconds: sample.seconds,
    maxRssMiB: mounted.rssMiB(),
  });
  record(
    tool,
    "mount, find -ls",
    within(timed("bash", ["-c", `find '${mounted.tree}/' -ls > /dev/null`])),
  );
  record(
    tool,
    "mount, cp -a drivers/gpu",
    within(timed("cp", ["-a", join(mounted.tree, SUBTREE), target])),
  );
  rmSync(target, { recursive: true, force: true });
  record(
    tool,
    "mount, read 1 GiB file",
    within(timed("dd", [`if=${mounted.big}`, "of=/dev/null", "bs=1M"])),
  );
  await mounted.unmount();
  if ("rssMiB" in tool) console.log(`${tool.name} server peak ${tool.rssMiB().toFixed(0)} MiB`);
}

/** Version of the Debian package that a tool is from; Amber's is the commit. */
function versionOf(name: string): { readonly version?: string } {
  const pack = name === "borg" ? "borgbackup" : name;
  const format = ["-W", "-f", "${source:Upstream-Version}"];
  const run = spawnSync("dpkg-query", [...format, pack], { encoding: "utf8" });
  return run.status === 0 ? { version: run.stdout } : {};
}

/** The run as a line of the history. */
function historyLine(): HistoryLine {
  const measurements = steps.flatMap((step) =>
    tools.map(({ name }): Measurement => {
      const own = samples.get(`${name}/${step}`) ?? [];
      const peakMiB = own.map(({ maxRssMiB }) => Math.round(maxRssMiB));
      return { step, tool: name, seconds: own.map(({ seconds }) => seconds), peakMiB };
    }),
  );
  return {
    date: new Date().toISOString().slice(0, 10),
    source: "bench",
    commit,
    machine: thisMachine(),
    node: process.version,
    rounds,
    tools: tools.map(({ name }) => ({ name, ...versionOf(name) })),
    measurements,
  };
}

const commit = checkedOutCommit();
prepareData({ data, ...places });
try {
  for (let round = 1; round <= rounds; round++) {
    for (const tool of tools) await measure(tool);
  }
} finally {
  for (const tool of tools) await tool.close();
}
const line = historyLine();
const result = resultsTable(line);
console.log(`\n${result}`);
appendHistory(line);
if (options.write) {
  const file = resolve(import.meta.dirname, "results.md");
  appendFileSync(
    file,
    `\n## ${line.date}: side by side, ${statSync(join(places.big, "big.bin")).size / 2 ** 20} MiB file and Linux 6.1 tree\n\n${result}\n`,
  );
  drawCharts();
}
if (!options.keep) rmSync(places.work, { recursive: true, force: true });

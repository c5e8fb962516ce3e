/**
 * Question: how does Amber compare, on one machine and in one run, with restic, borg and casync as Debian ships them?
 *
 * Usage: `npm run bench` (root, Debian 12), or with `-- --rounds 3 --tools amber,restic --steps image --data DIR --keep`.
 * Installs what it needs from Debian, prepares the data once, runs every step of every tool in turn, round by round,
 * and prints a table of medians, spreads, CPU seconds and ratios to the best peer and of encrypted to not encrypted; each run is a line in
 * bench/history.jsonl; `--write` also puts the table into bench/results.md and draws the charts. `--steps` chooses groups of
 * steps: `tree` (many files, and one big one), `image` (of a disk, and its mount). `--keep` keeps what was stored, to look at.
 * Everything is warm in the page cache. Amber is measured with its server and client on the same cores.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { amberTool } from "./amber-tool.ts";
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
import { measureImage } from "./image-steps.ts";
import { borgTool, casyncTool, resticTool } from "./peer-tools.ts";
import { type StepSample } from "./step-samples.ts";
import { rssMiB } from "./timed-run.ts";
import { type Places, type Step, type StepGroup, stepGroups, type Tool } from "./tool.ts";
import { measureTree } from "./tree-steps.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    tools: { type: "string", default: "amber,amber-one,amber-dir,amber-enc,restic,borg,casync" },
    steps: { type: "string", default: Object.keys(stepGroups).join(",") },
    data: { type: "string", default: "/var/tmp/amber-bench" },
    write: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds: a whole number from 1 on");
const data = resolve(options.data);
const places: Places = {
  tree: join(data, "linux-source-6.1"),
  big: join(data, "big"),
  image: join(data, "image"),
  work: join(data, "work"),
};

const plain = { encryption: "none", mounts: "datastore", reads: "server" } as const;
const known: readonly Tool[] = [
  amberTool("amber", places, { ...plain, takesImages: true }),
  amberTool("amber-one", places, { ...plain, mounts: "archives", takesImages: false }),
  amberTool("amber-dir", places, { ...plain, reads: "folder", takesImages: true }),
  amberTool("amber-enc", places, { ...plain, encryption: "encrypt", takesImages: false }),
  resticTool(places),
  borgTool(places),
  casyncTool(places),
];
const tools = options.tools.split(",").map((name) => {
  const tool = known.find((one) => one.name === name);
  if (!tool) throw new Error(`unknown tool "${name}"`);
  return tool;
});
const groups = options.steps.split(",").map((name) => {
  if (!isGroup(name)) throw new Error(`unknown group of steps "${name}"`);
  return name;
});

function isGroup(name: string): name is StepGroup {
  return Object.hasOwn(stepGroups, name);
}

/** Whoever interrupts this wants it to end, but not to leave servers, mounts and gigabytes behind. */
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => (isInterrupted = true));

const samples = new Map<string, StepSample[]>();
const notes: string[] = [];

function recordFor(tool: Tool): (step: Step, sample: StepSample) => void {
  return (step, sample) => {
    if (isInterrupted) throw new Error("interrupted");
    const key = `${tool.name}/${step}`;
    samples.set(key, [...(samples.get(key) ?? []), sample]);
    const { seconds, cpuSeconds, maxRssMiB, p50Ms, p99Ms } = sample;
    const each =
      p50Ms === undefined || p99Ms === undefined
        ? ""
        : `  p50 ${p50Ms.toFixed(3)} ms, p99 ${p99Ms.toFixed(3)} ms`;
    console.log(
      `${tool.name.padEnd(9)} ${step.padEnd(35)} ${seconds.toFixed(2).padStart(7)} s ${cpuSeconds.toFixed(2).padStart(7)} CPU s ${maxRssMiB.toFixed(0).padStart(5)} MiB${each}`,
    );
  };
}

/** Takes one tool through all steps that were chosen, and removes what it stored unless that is to be kept. */
async function measure(tool: Tool): Promise<void> {
  const { images } = tool;
  if (!groups.includes("tree") && !images) return;
  await tool.prepare();
  if (groups.includes("tree")) await measureTree(tool, places, recordFor(tool));
  if (groups.includes("image") && images) {
    const { source, restored, copied } = await measureImage(tool, images, places, recordFor(tool));
    const note = `${tool.name}: the image takes up ${source} MiB, restored ${restored}, copied out of the mount ${copied}.`;
    if (!notes.includes(note)) notes.push(note);
  }
  for (const pid of tool.pids())
    console.log(`${tool.name} server peak ${rssMiB(pid).toFixed(0)} MiB`);
  await tool.close();
  if (!options.keep) emptyWork();
}

/** Removes what a tool stored: all of them together would take tens of GiB. */
function emptyWork(): void {
  rmSync(places.work, { recursive: true, force: true });
  mkdirSync(places.work);
}

/** Version of the Debian package that a tool is from; Amber's is the commit. */
function versionOf(name: string): { readonly version?: string } {
  const pack = name === "borg" ? "borgbackup" : name;
  const format = ["-W", "-f", "${source:Upstream-Version}"];
  const run = spawnSync("dpkg-query", [...format, pack], { encoding: "utf8" });
  return run.status === 0 ? { version: run.stdout } : {};
}

/** The numbers of one tool at one step; `undefined` if it did not take that step. */
function measurementOf(tool: string, step: Step): Measurement | undefined {
  const own = samples.get(`${tool}/${step}`);
  if (!own) return undefined;
  const defined = (values: readonly (number | undefined)[]): readonly number[] =>
    values.flatMap((value) => (value === undefined ? [] : [Number(value.toFixed(4))]));
  const p50Ms = defined(own.map((sample) => sample.p50Ms));
  const p99Ms = defined(own.map((sample) => sample.p99Ms));
  return {
    step,
    tool,
    seconds: defined(own.map(({ seconds }) => seconds)),
    cpuSeconds: own.map(({ cpuSeconds }) => Number(cpuSeconds.toFixed(2))),
    peakMiB: own.map(({ maxRssMiB }) => Math.round(maxRssMiB)),
    ...(p50Ms.length > 0 ? { p50Ms, p99Ms } : {}),
  };
}

/** The run as a line of the history. */
function historyLine(): HistoryLine {
  const steps = groups.flatMap((group): readonly Step[] => stepGroups[group]);
  const taken = tools.filter(({ name }) => steps.some((step) => samples.has(`${name}/${step}`)));
  return {
    date: new Date().toISOString().slice(0, 10),
    source: "bench",
    commit,
    machine: thisMachine(),
    node: process.version,
    rounds,
    tools: taken.map(({ name }) => ({ name, ...versionOf(name) })),
    measurements: steps.flatMap((step) =>
      taken.flatMap(({ name }) => measurementOf(name, step) ?? []),
    ),
  };
}

const commit = checkedOutCommit();
try {
  prepareData({ data, ...places }, groups);
  for (let round = 1; round <= rounds; round++) {
    for (const tool of tools) await measure(tool);
  }
} finally {
  for (const tool of tools) await tool.close();
  if (!options.keep) rmSync(places.work, { recursive: true, force: true });
}
const line = historyLine();
const result = [resultsTable(line), ...notes].join("\n\n");
console.log(`\n${result}`);
appendHistory(line);
if (options.write) {
  const file = resolve(import.meta.dirname, "results.md");
  appendFileSync(file, `\n## ${line.date}: side by side, ${groups.join(" and ")}\n\n${result}\n`);
  drawCharts();
}

/**
 * Question: after a month of daily backups, prune, collection and verification, is everything left whole, and what does it take?
 *
 * Usage: `npm run thirty-days -- [--seed 1] [--change-detection-mode metadata] TREE` (FUSE; room below TMPDIR for a copy of TREE and 30 snapshots of it;
 * root if TREE has files of others). Each day 0.5 % of the files of the copy are changed, added, removed, renamed or given another mode, and a backup is
 * made whose time is a day after the previous one's; the last day is today. Then: `prune --keep-daily 7 --keep-weekly 4`, whose choice is compared with that
 * of the algorithm of the specification (retention-gc-verify-sync.md §1.2), written here once more; garbage collection; verification of everything;
 * and every snapshot left is read through the mount and compared with what the tree was on its day: names, types, modes, owners, times, sizes, content,
 * link targets. (Attributes, ACLs and flags: `npm run faithful`.) The days pass within minutes, but collection leaves alone what was used in the last 24 h
 * and 5 min, so the access times of all chunks are set back by two days before it; what is in use is told by marks. Exits 1 on any difference.
 */
import { execFileSync } from "node:child_process";
import { lstatSync, lutimesSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";

import { timeText } from "../../src/format/snapshot/time-text.ts";
import { runAmber, startMountProcess, startServerProcess } from "../support/amber-program.ts";
import { describeTree, type TreeDescription } from "../support/describe-tree.ts";
import { type ChangedLines, LivingTree } from "../support/living-tree.ts";

const DAYS = 30;
const DAY_SEC = 86_400;
const KEEP = { daily: 7, weekly: 4 };
const GROUP = "host/month";

const { values: options, positionals } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    "change-detection-mode": { type: "string", default: "metadata" },
  },
  allowPositionals: true,
});
const [original] = positionals;
if (original === undefined || positionals.length > 1) throw new Error("one TREE is needed");

const startMs = Date.now();
const home = mkdtempSync(join(process.env["TMPDIR"] ?? tmpdir(), "amber-thirty-days-"));
const store = join(home, "store");
const work = join(home, "work");
const faults: string[] = [];
let env: NodeJS.ProcessEnv = {};

function say(text: string): void {
  console.log(`${((Date.now() - startMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
}

function mib(size: number): string {
  return `${(size / (1024 * 1024)).toFixed(1)} MiB`;
}

function fault(text: string): void {
  faults.push(text);
  say(`WRONG: ${text}`);
}

/** Runs `amber` and gives what it said, which is shown when it fails. */
function amber(...args: string[]): string {
  const run = runAmber(args, env);
  const told = `${run.stdout}${run.stderr}`;
  if (run.status !== 0) {
    fault(`amber ${args.join(" ")}: exit ${run.status ?? "?"}`);
    console.log(told);
  }
  return told;
}

interface ListedSnapshot {
  readonly "backup-time": number;
  readonly verification?: { readonly state: string };
}

function listed(): readonly ListedSnapshot[] {
  const run = runAmber(["snapshot", "list", GROUP, "--output-format", "json"], env);
  const list = JSON.parse(run.stdout) as ListedSnapshot[];
  return list.sort((a, b) => a["backup-time"] - b["backup-time"]);
}

/** Every object of the chunk store; not the 65,536 folders, which take their room from the beginning. */
function* chunkFiles(): Generator<string> {
  for (const folder of readdirSync(join(store, ".chunks"))) {
    if (!/^[0-9a-f]{4}$/.test(folder)) continue;
    for (const name of readdirSync(join(store, ".chunks", folder))) {
      yield join(store, ".chunks", folder, name);
    }
  }
}

function saySize(when: string): number {
  let count = 0;
  let apparent = 0;
  let allocated = 0;
  for (const path of chunkFiles()) {
    const { size, blocks } = lstatSync(path);
    count++;
    apparent += size;
    allocated += blocks * 512;
  }
  const snapshots = listed().length;
  say(
    `${when}: ${snapshots} snapshots, ${count} chunks, ${mib(apparent)} (allocated ${mib(allocated)})`,
  );
  return apparent;
}

function setBackAccessTimes(): void {
  const usedAtSec = Math.floor(Date.now() / 1000) - 2 * DAY_SEC;
  for (const path of chunkFiles()) lutimesSync(path, usedAtSec, lstatSync(path).mtimeMs / 1000);
}

/** What `--keep-daily` and `--keep-weekly` keep of finished, unprotected snapshots, in local time. */
function keptBySpecification(times: readonly number[]): readonly number[] {
  const marks = new Map<number, "keep" | "remove">();
  const newestFirst = [...times].sort((a, b) => b - a);
  const rules = [
    [KEEP.daily, dayOf],
    [KEEP.weekly, weekOf],
  ] as const;
  for (const [max, periodOf] of rules) {
    const kept = newestFirst.filter((time) => marks.get(time) === "keep");
    const covered = new Set(kept.map(periodOf));
    const chosen = new Set<string>();
    for (const time of newestFirst) {
      const period = periodOf(time);
      if (marks.has(time) || covered.has(period)) continue;
      if (chosen.has(period)) {
        marks.set(time, "remove");
        continue;
      }
      if (chosen.size >= max) break;
      chosen.add(period);
      marks.set(time, "keep");
    }
  }
  return times.filter((time) => marks.get(time) === "keep");
}

function dayOf(timeSec: number): string {
  return new Date(timeSec * 1000).toDateString();
}

/** The Monday of the week, which names it as well as its number does. */
function weekOf(timeSec: number): string {
  const date = new Date(timeSec * 1000);
  date.setDate(date.getDate() - ((date.getDay() + 6) % 7));
  return date.toDateString();
}

function compare(what: string, expected: TreeDescription, found: TreeDescription): void {
  const differing: string[] = [];
  for (const [name, line] of expected) {
    const got = found.get(name);
    if (got !== line) differing.push(`${name}: ${line} ≠ ${got ?? "not there"}`);
  }
  for (const [name, line] of found) {
    if (!expected.has(name)) differing.push(`${name}: not expected ≠ ${line}`);
  }
  if (differing.length > 0) fault(`${what}: ${differing.length} entries differ`);
  for (const text of differing.slice(0, 10)) console.log(`    ${JSON.stringify(text)}`);
}

function apply(state: Map<string, string>, lines: ChangedLines): void {
  for (const [name, line] of lines) {
    if (line === undefined) state.delete(name);
    else state.set(name, line);
  }
}

/** Makes the snapshots; gives the changes before each, which for the first are none. */
async function liveAMonth(tree: LivingTree, times: readonly number[]): Promise<ChangedLines[]> {
  const count = Math.max(5, Math.round(tree.fileCount * 0.005));
  const days: ChangedLines[] = [];
  for (const [index, timeSec] of times.entries()) {
    const { lines, counts } =
      index === 0 ? { lines: new Map(), counts: undefined } : tree.live(count, timeSec);
    days.push(lines);
    amber(
      ...["backup", `tree.pxar:${work}`, "--backup-id", "month", "--backup-time", `${timeSec}`],
      ...["--change-detection-mode", options["change-detection-mode"]],
    );
    const changes = Object.entries(counts ?? {}).map(([kind, number]) => `${number} ${kind}`);
    say(`day ${index + 1}, ${timeText(timeSec)}: ${changes.join(", ") || "as it was"}`);
    if (index === 0) saySize("after the first day");
    await setImmediate(); // The server's messages are taken off its hands.
  }
  return days;
}

function prune(times: readonly number[]): readonly number[] {
  const keep = ["--keep-daily", `${KEEP.daily}`, "--keep-weekly", `${KEEP.weekly}`];
  console.log(amber("prune", GROUP, ...keep, "--explain"));
  amber("prune", GROUP, ...keep);
  const left = listed().map((snapshot) => snapshot["backup-time"]);
  const wanted = keptBySpecification(times);
  if (left.join() === wanted.join()) say(`kept ${left.length}, as the specification has it`);
  else fault(`kept ${left.map(timeText).join()} instead of ${wanted.map(timeText).join()}`);
  return left;
}

function collect(): void {
  setBackAccessTimes();
  const told = amber("garbage-collect").split("\n");
  console.log(told.filter((line) => !/^(marked|processed) \d/.test(line)).join("\n"));
}

function verify(): void {
  amber("verify", "--ignore-verified", "false");
  const states = listed().map(({ verification }) => verification?.state ?? "not verified");
  const failed = states.filter((state) => state !== "ok").length;
  if (failed > 0) fault(`${failed} of ${states.length} snapshots are not verified OK`);
  else say(`${states.length} snapshots verified OK`);
}

async function compareAll(
  left: readonly number[],
  month: {
    readonly times: readonly number[];
    readonly first: TreeDescription;
    readonly days: readonly ChangedLines[];
  },
): Promise<void> {
  const mount = await startMountProcess([GROUP], join(home, "mnt"), env);
  try {
    const state = new Map(month.first);
    for (const [index, timeSec] of month.times.entries()) {
      apply(state, month.days[index] ?? new Map());
      if (!left.includes(timeSec)) continue;
      const shown = join(mount.point, timeText(timeSec), "tree.pxar");
      const before = faults.length;
      compare(timeText(timeSec), state, describeTree(shown, { withAttributes: false }));
      if (faults.length === before) say(`${timeText(timeSec)}: ${state.size} entries are equal`);
      await setImmediate();
    }
    compare("the tree itself", state, describeTree(work, { withAttributes: false }));
  } finally {
    await mount.stop();
  }
}

const server = await startServerProcess(home, store, ["--log-level", "error"]);
try {
  env = server.env;
  execFileSync("cp", ["-a", "--reflink=auto", `${original}/.`, work]);
  const tree = new LivingTree(work, Number(options.seed));
  say(`${original}: ${tree.first.size} entries, ${tree.fileCount} files that may change`);
  const nowSec = Math.floor(Date.now() / 1000);
  const times = Array.from({ length: DAYS }, (_, i) => nowSec - (DAYS - 1 - i) * DAY_SEC);
  const days = await liveAMonth(tree, times);
  const before = saySize("after the last day");
  const left = prune(times);
  saySize("after prune");
  collect();
  const after = saySize("after collection");
  if (after >= before) fault("collection freed nothing");
  verify();
  await compareAll(left, { times, first: tree.first, days });
} finally {
  await server.stop();
  execFileSync("rm", ["-rf", home]); // Much faster with 65,536 folders than what Node.js has for it.
}
say(faults.length === 0 ? "everything left is whole and equal" : `wrong: ${faults.join("; ")}`);
process.exitCode = faults.length === 0 ? 0 : 1;

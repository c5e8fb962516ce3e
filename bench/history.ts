/** bench/history.jsonl: one line for each run of `npm run bench`, oldest first. */
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { resolve } from "node:path";

/** Where the history is kept. */
export const historyFile = resolve(import.meta.dirname, "history.jsonl");

/** What was measured on; nothing in it names one machine. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Release of the Linux kernel; runs written down by hand may not know it. */
  readonly kernel?: string;
}

/** One tool at one step, a number for each round. */
export interface Measurement {
  readonly step: string;
  readonly tool: string;
  readonly seconds: readonly number[];
  /** User and system time of client, server and mount together; absent in runs that did not count it. */
  readonly cpuSeconds?: readonly number[];
  /** Peak memory of the client or mount process; empty where it was not kept. */
  readonly peakMiB: readonly number[];
  /** How long one of many reads took: the value in the middle, and that which one in a hundred exceeds. */
  readonly p50Ms?: readonly number[];
  readonly p99Ms?: readonly number[];
}

/** One run. */
export interface HistoryLine {
  /** Day, as `2026-11-26`. */
  readonly date: string;
  /** `bench` for a line that the program wrote, `results.md` for one taken from that document by hand. */
  readonly source: "bench" | "results.md";
  /** What was measured, with `+` behind it if something had been changed since; unknown for what was taken by hand. */
  readonly commit?: string;
  readonly machine: Machine;
  readonly node: string;
  readonly rounds: number;
  readonly tools: readonly { readonly name: string; readonly version?: string }[];
  readonly measurements: readonly Measurement[];
}

/** Reads a history; throws with the number of the first line that is none. */
export function parseHistory(text: string): readonly HistoryLine[] {
  return text
    .split("\n")
    .map((line, i) => [line, i + 1] as const)
    .filter(([line]) => line !== "")
    .map(([line, number]) => {
      try {
        return parseLine(JSON.parse(line) as Partial<HistoryLine>);
      } catch (cause) {
        throw new Error(`line ${number} of the history: ${String(cause)}`, { cause });
      }
    });
}

function parseLine(line: Partial<HistoryLine>): HistoryLine {
  const { date, source, machine, node, rounds, tools, measurements } = line;
  const checks = {
    date: /^\d{4}-\d\d-\d\d$/.test(date ?? ""),
    source: source === "bench" || source === "results.md",
    machine: typeof machine?.cpu === "string" && machine.cores > 0 && machine.memoryGiB > 0,
    node: typeof node === "string",
    rounds: Number.isInteger(rounds),
    tools: Array.isArray(tools) && tools.every((tool) => typeof tool?.name === "string"),
    measurements: Array.isArray(measurements) && measurements.every(isMeasurement),
  };
  for (const [name, fits] of Object.entries(checks)) {
    if (!fits) throw new Error(`"${name}" is missing or not what it should be`);
  }
  return line as HistoryLine;
}

function isMeasurement(one: Partial<Measurement>): boolean {
  const numbers = (list: unknown): boolean =>
    Array.isArray(list) && list.every((value) => typeof value === "number" && value >= 0);
  return (
    typeof one.step === "string" &&
    typeof one.tool === "string" &&
    numbers(one.seconds) &&
    one.seconds?.length !== 0 &&
    numbers(one.peakMiB) &&
    [one.cpuSeconds, one.p50Ms, one.p99Ms].every((list) => list === undefined || numbers(list))
  );
}

/** The newest run in which a peer took one of these steps; `undefined` if there is none. */
export function newestComparison(
  lines: readonly HistoryLine[],
  steps: readonly string[],
): HistoryLine | undefined {
  return lines.findLast(({ measurements }) =>
    measurements.some(({ step, tool }) => steps.includes(step) && !isAmber(tool)),
  );
}

/** Is this one of Amber's ways of being used? */
export function isAmber(tool: string): boolean {
  return tool.startsWith("amber");
}

/** The seconds of all rounds; empty if that tool did not take that step. */
export function secondsOf(line: HistoryLine, step: string, tool: string): readonly number[] {
  return measurementOf(line, step, tool)?.seconds ?? [];
}

/** What one tool took for one step. */
export function measurementOf(
  { measurements }: HistoryLine,
  step: string,
  tool: string,
): Measurement | undefined {
  return measurements.find((one) => one.step === step && one.tool === tool);
}

/** The value in the middle, between the two in the middle of an even number; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return lower === undefined || upper === undefined ? Number.NaN : (lower + upper) / 2;
}

/** This machine, without its name. */
export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** The commit that is checked out, with `+` behind it if tracked files differ from it. */
export function checkedOutCommit(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
  return `${git("rev-parse", "--short=12", "HEAD")}${changed ? "+" : ""}`;
}

/** All runs so far. */
export function readHistory(): readonly HistoryLine[] {
  return parseHistory(readFileSync(historyFile, "utf8"));
}

/** Appends one run. */
export function appendHistory(line: HistoryLine): void {
  appendFileSync(historyFile, `${JSON.stringify(line)}\n`);
}

/**
 * How much work do programs do? In instructions where the processor counts them for us, else in CPU seconds.
 *
 * Instructions in user space hardly depend on what else runs; virtual machines seldom have the counters. CPU seconds (user and
 * system) always exist, but depend on caches and on the neighbour on the same core, so they mean something as ratios only.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What is counted. */
export const meters = ["instructions", "cpu-seconds"] as const;

/** One of {@link meters}. */
export type Meter = (typeof meters)[number];

/** What one command cost. */
export interface Cost {
  /** Of the command and all that it started and waited for. */
  readonly command: number;
  /** Of the processes that ran already, while the command ran. */
  readonly others: number;
}

/** Clock ticks a second in /proc: fixed at 100 for user space on all architectures that Node.js knows. */
const TICKS_PER_SECOND = 100;

/** Does `perf` count instructions here? In most virtual machines it says "not supported". */
export function countsInstructions(): boolean {
  const run = spawnSync("perf", ["stat", "-x,", "-e", "instructions:u", "--", "true"], {
    encoding: "utf8",
  });
  return run.status === 0 && perfCount(run.stderr) !== undefined;
}

/** Runs a command and says what it cost, and what it cost the processes `others` in the meantime. */
export function measured(
  meter: Meter,
  command: readonly string[],
  { others, env }: { readonly others: readonly number[]; readonly env: NodeJS.ProcessEnv },
): Cost {
  switch (meter) {
    case "instructions":
      return perfMeasured("instructions:u", command, { others, env });
    case "cpu-seconds":
      return cpuMeasured(command, { others, env });
  }
}

function cpuMeasured(
  command: readonly string[],
  { others, env }: { readonly others: readonly number[]; readonly env: NodeJS.ProcessEnv },
): Cost {
  const spent = (): number => others.map(cpuSecondsOf).reduce((sum, one) => sum + one, 0);
  const before = spent();
  const timed = ["-c", 'TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>&1', "bash", ...command];
  const report = run("bash", timed, env).trim();
  const [user = Number.NaN, system = Number.NaN] = report.split(" ").map(Number);
  return { command: user + system, others: spent() - before };
}

/** The same with a counter of perf: one instance attached to the others as long as the command runs, one above the command. */
export function perfMeasured(
  event: string,
  command: readonly string[],
  { others, env }: { readonly others: readonly number[]; readonly env: NodeJS.ProcessEnv },
): Cost {
  const folder = mkdtempSync(join(tmpdir(), "amber-meter-"));
  try {
    const perf = (file: string): string[] => [
      ...["perf", "stat", "-x,", "-e", event],
      ...["-o", join(folder, file)],
    ];
    const outer = others.length === 0 ? [] : [...perf("others"), "-p", others.join(","), "--"];
    const [program = "", ...args] = [...outer, ...perf("command"), "--", ...command];
    run(program, args, env);
    const count = (file: string): number =>
      perfCount(readFileSync(join(folder, file), "utf8")) ?? Number.NaN;
    return { command: count("command"), others: others.length === 0 ? 0 : count("others") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The first number in what `perf stat -x,` wrote; `undefined` if there is none ("<not supported>"). */
export function perfCount(report: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?),/m.exec(report)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** User and system time of a process with all its threads, the ended ones too. */
export function cpuSecondsOf(pid: number): number {
  return cpuSecondsIn(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** The same out of the content of /proc/PID/stat; the name of the program, in brackets, may hold anything. */
export function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): string {
  const { status, stderr } = spawnSync(program, args, {
    env: { ...process.env, ...env, LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: 300_000,
  });
  if (status !== 0) throw new Error(`${[program, ...args].join(" ")}: ${stderr}`);
  return stderr;
}

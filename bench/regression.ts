/**
 * Question: does Amber do more work than it did, for a first backup, an unchanged one, a restore and reading through a mount?
 *
 * Usage: `npm run bench:regression` (a minute; needs FUSE), `-- --update` writes bench/baseline.json after 15 rounds, `-- --rounds 9` looks closer.
 * Every step's cost in all Amber processes, divided by that of a yardstick of system programs that runs before and after it. Exit
 * status 1 and the step's name if one is slower than the baseline, twice in a row.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import {
  amberProgram,
  startMountProcess,
  startServerProcess,
} from "../test/support/amber-program.ts";
import { countsInstructions, measured, type Meter } from "./meter.ts";
import { makeRegressionData } from "./regression-data.ts";
import {
  type Baseline,
  baselineStep,
  parseBaseline,
  type Verdict,
  verdictOn,
} from "./regression-verdict.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string" },
    update: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds ?? (options.update ? 15 : 5));
if (!Number.isInteger(rounds) || rounds < 5) throw new Error("--rounds: a whole number from 5 on");

const DATA = { files: 6000, bigMiB: 128 };
const ROOM_BYTES = 2 * 1024 ** 3;
const FIRST_TIME = 1_700_000_000;
const baselineFile = resolve(import.meta.dirname, "baseline.json");

/** A folder in memory if there is room: disks vary more than what is to be seen. */
function makeHome(): string {
  const memory = statfsSync("/dev/shm", { bigint: false });
  const room = memory.bavail * memory.bsize;
  return mkdtempSync(join(room > ROOM_BYTES ? "/dev/shm" : tmpdir(), "amber-regression-"));
}

/** Costs in yardsticks, by step. */
type Ratios = Map<string, number[]>;

/** One round: a new server with an empty datastore, all steps, a yardstick before, between and after them. */
async function measureRound(meter: Meter, data: string, ratios: Ratios): Promise<void> {
  const home = join(data, "round");
  const target = join(home, "restored");
  const copied = join(home, "copied");
  mkdirSync(copied, { recursive: true });
  const server = await startServerProcess(home);
  const serverPid = server.child.pid ?? 0;
  let yardstick = measureYardstick(meter, data);
  const record = (step: string, cost: number): void => {
    const after = measureYardstick(meter, data);
    ratios.set(step, [...(ratios.get(step) ?? []), cost / ((yardstick + after) / 2)]);
    yardstick = after;
  };
  const amber = (args: readonly string[]): number => {
    const command = [process.execPath, amberProgram, ...args];
    const cost = measured(meter, command, { others: [serverPid], env: server.env });
    return cost.command + cost.others;
  };
  const backup = (time: number): number =>
    amber([
      ...["backup", `tree.pxar:${join(data, "tree")}`, "--backup-id", "tree"],
      ...["--backup-time", String(time)],
    ]);
  try {
    record("first backup", backup(FIRST_TIME));
    record("unchanged backup, twice", backup(FIRST_TIME + 1) + backup(FIRST_TIME + 2));
    record("restore", amber(["restore", "host/tree", "tree.pxar", target]));
    const mount = await startMountProcess(
      ["host/tree", "tree.pxar"],
      join(home, "mnt"),
      server.env,
    );
    try {
      const script = `find '${mount.point}' -ls; cp -a '${mount.point}/.' '${copied}'`;
      const others = [serverPid, mount.child.pid ?? 0];
      record(
        "mount, find and cp -a",
        measured(meter, ["bash", "-ec", script], { others, env: {} }).others,
      );
    } finally {
      await mount.stop();
    }
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** System programs on both cores: one compresses and hashes, the other reads, copies and removes many small files. */
function measureYardstick(meter: Meter, data: string): number {
  const script = `
    set -o pipefail
    cd '${data}/tree'
    { head -c 24M big.bin | gzip -1 | openssl dgst -sha256; } & compressing=$!
    { mkdir ../copy; tar c d* | openssl dgst -sha256; cp -a d* ../copy; rm -r ../copy; } & copying=$!
    wait $compressing; wait $copying`;
  return measured(meter, ["bash", "-ec", script], { others: [], env: {} }).command;
}

/** All rounds, one after the other. */
async function measureAll(meter: Meter, data: string): Promise<Ratios> {
  const ratios: Ratios = new Map();
  for (let round = 1; round <= rounds; round++) await measureRound(meter, data, ratios);
  return ratios;
}

function judged(ratios: Ratios, steps: Baseline[Meter]): readonly Verdict[] {
  return [...ratios].map(([step, own]) => verdictOn(step, own, steps?.[step]));
}

function print(verdicts: readonly Verdict[]): void {
  for (const { step, median, lower, upper, change, slower } of verdicts) {
    const numbers = `${median.toFixed(3)} (quartiles ${lower.toFixed(3)}–${upper.toFixed(3)})`;
    const compared = change === undefined ? "no baseline" : `${change.toFixed(3)} of the baseline`;
    console.log(`${step.padEnd(24)} ${numbers}  ${compared}${slower ? "  SLOWER" : ""}`);
  }
}

const baseline = parseBaseline(readFileSync(baselineFile, "utf8"));
const counters = countsInstructions();
const meter: Meter =
  counters && (options.update || baseline.instructions) ? "instructions" : "cpu-seconds";
console.log(
  `${rounds} rounds, measured in ${meter} (the processor ${counters ? "counts" : "does not count"} instructions here), as multiples of the yardstick`,
);
const data = makeHome();
try {
  makeRegressionData(data, DATA);
  const ratios = await measureAll(meter, data);
  const verdicts = judged(ratios, baseline[meter]);
  print(verdicts);
  if (options.update) {
    const steps = [...ratios].map(
      ([step, own]) => [step, baselineStep(own, baseline[meter]?.[step])] as const,
    );
    const next = { ...baseline, [meter]: Object.fromEntries(steps) };
    writeFileSync(baselineFile, `${JSON.stringify(next, undefined, 2)}\n`);
  } else if (verdicts.some(({ slower }) => slower)) {
    console.log("once more, to be sure");
    const again = judged(await measureAll(meter, data), baseline[meter]);
    print(again);
    const slower = again
      .filter(
        (verdict) =>
          verdict.slower && verdicts.some((one) => one.slower && one.step === verdict.step),
      )
      .map(({ step }) => step);
    if (slower.length > 0) {
      console.error(`slower than the baseline, twice: ${slower.join("; ")}`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(data, { recursive: true, force: true });
}

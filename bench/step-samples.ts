/** What a step costs all processes that take part in it. */
import { cpuSecondsOf } from "./meter.ts";
import { rssMiB, type Sample, sh } from "./timed-run.ts";
import { type Mounted, type Step, type Tool } from "./tool.ts";

/** A sample, and how long single reads took where the step consists of many. */
export interface StepSample extends Sample {
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** Takes the sample of one step. */
export type Record = (step: Step, sample: StepSample) => void;

/**
 * Runs something and counts the CPU seconds that processes spend meanwhile. What was written before is on the disk then, so that no
 * step waits for what another has left behind.
 */
function spentBy<T>(
  pids: readonly number[],
  run: () => T,
): { readonly value: T; readonly cpuSeconds: number } {
  const spent = (): number => pids.map(cpuSecondsOf).reduce((sum, one) => sum + one, 0);
  sh("sync");
  const before = spent();
  const value = run();
  return { value, cpuSeconds: spent() - before };
}

/** A command of a tool, with what its server did for it. */
export function withServer(tool: Tool, run: () => Sample): Sample {
  const { value, cpuSeconds } = spentBy(tool.pids(), run);
  return { ...value, cpuSeconds: value.cpuSeconds + cpuSeconds };
}

/** Use of a mount: its time, and what it cost the processes of the mount and the server; not the command that reads. */
export function onMount<T extends { readonly seconds: number }>(
  tool: Tool,
  mounted: Mounted,
  run: () => T,
): T & Sample {
  const { value, cpuSeconds } = spentBy([...mounted.pids, ...tool.pids()], run);
  return { ...value, cpuSeconds, maxRssMiB: Math.max(...mounted.pids.map(rssMiB)) };
}

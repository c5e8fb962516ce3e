import { readFile } from "node:fs/promises";

/** A process that can be told from a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the kernel's ticks since the system did. */
  readonly startTicks: string;
}

/** Where the start time stands in `/proc/PID/stat`, counted behind the command's name (proc(5), field 22). */
const START_FIELD = 19;

/** The identity of a process of this machine; `undefined` when there is none of that number. */
export async function processIdentity(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may contain anything.
    const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
    return { pid, startTicks: fields[START_FIELD] ?? "" };
  } catch {
    return undefined;
  }
}

/** Whether that very process still runs. */
export async function isRunning({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  return (await processIdentity(pid))?.startTicks === startTicks;
}

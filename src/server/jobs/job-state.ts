import { type TaskRegistry } from "../tasks/task-registry.ts";
import { parseUpid } from "../tasks/upid.ts";

/** How a run ended (spec retention-gc-verify-sync.md §2). */
export type RunResult =
  | { readonly OK: { readonly endtime: number } }
  | { readonly Warning: { readonly count: number; readonly endtime: number } }
  | { readonly Error: { readonly message: string; readonly endtime: number } }
  | { readonly Unknown: { readonly endtime: number } };

/** What is known about the last run of a job, in the form of its file; times are seconds since the epoch. */
export type JobState =
  | { readonly Created: { readonly time: number } }
  | { readonly Started: { readonly upid: string } }
  | {
      readonly Finished: {
        readonly upid: string;
        readonly state: RunResult;
        /** When the schedule was changed afterwards. */
        readonly updated?: number;
      };
    };

/**
 * Reads the text of a state file.
 *
 * @returns `undefined` for anything that has not the form of one.
 */
export function parseJobState(text: string): JobState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const created = memberOf(value, "Created");
  const time = memberOf(created, "time");
  if (isTime(time)) return { Created: { time } };
  const upid = memberOf(memberOf(value, "Started"), "upid");
  if (isUpid(upid)) return { Started: { upid } };
  const finished = memberOf(value, "Finished");
  const of = memberOf(finished, "upid");
  const state = parseResult(memberOf(finished, "state"));
  const updated = memberOf(finished, "updated");
  if (!isUpid(of) || !state) return undefined;
  return { Finished: { upid: of, state, ...(isTime(updated) ? { updated } : {}) } };
}

/** The result that the status of a task stands for. */
export function runResult(status: string, endtime: number): RunResult {
  if (status === "OK") return { OK: { endtime } };
  const warnings = /^WARNINGS: ([0-9]{1,9})$/.exec(status)?.[1];
  if (warnings !== undefined) return { Warning: { count: Number(warnings), endtime } };
  return status === "unknown" ? { Unknown: { endtime } } : { Error: { message: status, endtime } };
}

/** {@link runResult} as lists show it: the status of the task, and when it ended. */
export function resultOf(result: RunResult): { readonly status: string; readonly endSec: number } {
  if ("OK" in result) return { status: "OK", endSec: result.OK.endtime };
  if ("Warning" in result) {
    return { status: `WARNINGS: ${result.Warning.count}`, endSec: result.Warning.endtime };
  }
  if ("Error" in result) return { status: result.Error.message, endSec: result.Error.endtime };
  return { status: "unknown", endSec: result.Unknown.endtime };
}

/** A state whose task is over, though the file says it runs, as a crash leaves it: with the result that the task has. */
export function settledState(state: JobState, tasks: Pick<TaskRegistry, "find">): JobState {
  if (!("Started" in state)) return state;
  const { upid } = state.Started;
  const task = tasks.find(upid);
  if (task && !task.end) return state;
  const endSec = task?.end?.endSec ?? startOf(upid);
  return { Finished: { upid, state: runResult(task?.end?.status ?? "unknown", endSec) } };
}

/** The moment from which the next run is counted: start of the last one, making of the job, or change of its schedule. */
export function lastRunSec(state: JobState): number {
  if ("Created" in state) return state.Created.time;
  if ("Started" in state) return startOf(state.Started.upid);
  return Math.max(startOf(state.Finished.upid), state.Finished.updated ?? 0);
}

/** The moment from which lists count the next run: as {@link lastRunSec}, but the end of a run that is over. */
export function previewSec(state: JobState): number {
  if (!("Finished" in state)) return lastRunSec(state);
  return Math.max(resultOf(state.Finished.state).endSec, state.Finished.updated ?? 0);
}

function startOf(upid: string): number {
  return parseUpid(upid)?.startSec ?? 0;
}

function parseResult(value: unknown): RunResult | undefined {
  for (const name of ["OK", "Warning", "Error", "Unknown"] as const) {
    const result = memberOf(value, name);
    const endtime = memberOf(result, "endtime");
    if (!isTime(endtime)) continue;
    const count = memberOf(result, "count");
    const message = memberOf(result, "message");
    switch (name) {
      case "OK":
        return { OK: { endtime } };
      case "Warning":
        return { Warning: { count: isTime(count) ? count : 0, endtime } };
      case "Error":
        return { Error: { message: typeof message === "string" ? message : "", endtime } };
      case "Unknown":
        return { Unknown: { endtime } };
    }
  }
  return undefined;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isUpid(value: unknown): value is string {
  return typeof value === "string" && parseUpid(value) !== undefined;
}

import { Type, type TInteger, type TOptional, type TString } from "typebox";

import { FormatError } from "../../format/format-error.ts";
import { parseCalendarEvent } from "../../format/schedule/calendar-event.ts";
import { nextEvent } from "../../format/schedule/next-event.ts";
import { type TimeZone } from "../../format/schedule/time-zone.ts";
import { type JobState, previewSec, resultOf } from "../jobs/job-state.ts";

/** Members about the runs of a job in the lists of jobs (spec rest-api.md §6). */
export const jobStatusMembers: {
  readonly "next-run": TOptional<TInteger>;
  readonly "last-run-upid": TOptional<TString>;
  readonly "last-run-state": TOptional<TString>;
  readonly "last-run-endtime": TOptional<TInteger>;
} = {
  "next-run": Type.Optional(
    Type.Integer({ description: "When it is due; in the past when it is overdue." }),
  ),
  "last-run-upid": Type.Optional(Type.String()),
  "last-run-state": Type.Optional(
    Type.String({ description: "Result of the last run; absent while one is going on." }),
  ),
  "last-run-endtime": Type.Optional(Type.Integer()),
};

/** Values of {@link jobStatusMembers}. */
export interface JobStatus {
  readonly "next-run"?: number;
  readonly "last-run-upid"?: string;
  readonly "last-run-state"?: string;
  readonly "last-run-endtime"?: number;
}

/** What a list says about the runs of a job, past and next; a schedule that is none gives no next run. */
export function jobStatus(
  state: JobState,
  schedule: string | undefined,
  zone: TimeZone,
): JobStatus {
  const nextSec = nextRun(state, schedule, zone);
  return {
    ...lastRun(state),
    ...(nextSec === undefined ? {} : { "next-run": nextSec }),
  };
}

function lastRun(state: JobState): JobStatus {
  if ("Created" in state) return {};
  if ("Started" in state) return { "last-run-upid": state.Started.upid };
  const { status, endSec } = resultOf(state.Finished.state);
  return {
    "last-run-upid": state.Finished.upid,
    "last-run-state": status,
    "last-run-endtime": endSec,
  };
}

function nextRun(
  state: JobState,
  schedule: string | undefined,
  zone: TimeZone,
): number | undefined {
  if (schedule === undefined) return undefined;
  try {
    return nextEvent(parseCalendarEvent(schedule), previewSec(state), zone);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

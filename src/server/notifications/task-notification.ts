import { type DatastoreEntry } from "../configuration/datastore-config.ts";
import { formatLocalTime } from "../tasks/local-time.ts";
import { type Notification, onOneLine } from "./notification.ts";
import { type Notifier } from "./notifier.ts";

/** Kinds of jobs whose end is told. */
export type AnnouncedKind = keyof DatastoreEntry["notifications"]["levels"];

/** What is told about the end of a task. */
export interface Announcement {
  readonly kind: AnnouncedKind;
  readonly datastore: string;
  /** Job of the configuration; `undefined` when it is none. */
  readonly jobId: string | undefined;
  /** Whether only a failure is worth a word, because nobody asked for a report. */
  readonly when: "always" | "on failure";
}

/** A task that is about to end. */
export interface EndingTask {
  readonly upid: string;
  readonly announcement: Announcement;
  /** Text of the error; `undefined` when there is none. */
  readonly failure: string | undefined;
  readonly warningCount: number;
  readonly startSec: number;
  readonly endSec: number;
  /** Last lines of the log. */
  readonly logEnd: string;
}

const names: Readonly<Record<AnnouncedKind, string>> = {
  gc: "Garbage collection",
  prune: "Prune",
  sync: "Sync",
  verify: "Verification",
};

/**
 * Tells people how a task ended, in the way its datastore wants it (spec rest-api.md §7, `notification-mode`).
 *
 * @returns What went wrong with that, a line each.
 */
export async function announceTask(
  notifier: Notifier,
  task: EndingTask,
  {
    hostName,
    settings,
  }: {
    readonly hostName: string;
    readonly settings: DatastoreEntry["notifications"];
  },
): Promise<readonly string[]> {
  const { kind, when } = task.announcement;
  const isGood = task.failure === undefined && task.warningCount === 0;
  if (isGood && when === "on failure") return [];
  return await tellAbout({ kind, isGood }, taskNotification(task, hostName), {
    notifier,
    settings,
  });
}

/** Sends a notification about a kind of job in the way the datastore wants it; gives what went wrong, a line each. */
export async function tellAbout(
  { kind, isGood }: { readonly kind: AnnouncedKind; readonly isGood: boolean },
  notification: Notification,
  {
    notifier,
    settings,
  }: { readonly notifier: Notifier; readonly settings: DatastoreEntry["notifications"] },
): Promise<readonly string[]> {
  if (settings.mode === "notification-system") return await notifier.notify(notification);
  const level = settings.levels[kind];
  if (level === "never" || (level === "error" && isGood)) return [];
  return await notifier.mailUser(settings.user, notification);
}

/** What people are told about a task. */
export function taskNotification(task: EndingTask, hostName: string): Notification {
  const { announcement, failure, warningCount, startSec, endSec, upid, logEnd } = task;
  const { kind, datastore, jobId } = announcement;
  const job = nameOfJob(announcement);
  const result = resultText(failure, warningCount);
  const title = `${job} of datastore '${datastore}' ${result} on ${hostName}`;
  const lines = [
    `${job} of datastore '${datastore}' ${result}.`,
    ...(failure === undefined ? [] : ["", failure]),
    "",
    `Server:    ${hostName}`,
    `Datastore: ${datastore}`,
    ...(jobId === undefined ? [] : [`Job:       ${jobId}`]),
    `Begin:     ${formatLocalTime(startSec)}`,
    `End:       ${formatLocalTime(endSec)}`,
    `Task:      ${upid}`,
    "",
    "End of the log:",
    "",
    logEnd.trimEnd(),
    "",
  ];
  return {
    title: onOneLine(title),
    text: lines.join("\n"),
    severity: failure !== undefined ? "error" : warningCount > 0 ? "warning" : "info",
    fields: {
      type: kind,
      datastore,
      hostname: hostName,
      ...(jobId === undefined ? {} : { "job-id": jobId }),
    },
    timeSec: endSec,
  };
}

/** `Prune job 'nightly'`, or without an id the kind alone. */
export function nameOfJob({ kind, jobId }: Pick<Announcement, "kind" | "jobId">): string {
  return jobId === undefined ? names[kind] : `${names[kind]} job '${jobId}'`;
}

function resultText(failure: string | undefined, warningCount: number): string {
  if (failure !== undefined) return "failed";
  return warningCount === 0 ? "went well" : `ended with ${warningCount} warnings`;
}

import { type BackupServer } from "./backup-server.ts";
import { isJsonObject, objectsOf } from "./server-answer.ts";
import { SessionError } from "./session-error.ts";

/** Lines of one page of a task's log (spec rest-api.md §9.3). */
const PAGE_LINES = 500;

/** Shortest and longest pause before a running task's log is looked at again, in milliseconds. */
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 1000;

/** Characters of the time in front of each line of a log, without the `: ` behind it. */
const TIME_LENGTH = 25;

/** What reading a task's log needs besides the server. */
export interface FollowTaskOptions {
  /** Waits; short pauses come first, so that a task that ends soon is not waited for. */
  readonly pause: (ms: number) => Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Yields the lines of a task's log, as they stand in it, until the task has ended.
 *
 * @throws {SessionError} `SESSION_PROTOCOL` when lines are missing; `ApiError`.
 */
export async function* followTaskLog(
  server: BackupServer,
  upid: string,
  options: FollowTaskOptions,
): AsyncGenerator<string, void, void> {
  const path = `${taskPath(upid)}/log`;
  let next = 1;
  let pauseMs = PAUSE_MS_MIN;
  for (;;) {
    const parameters = { limit: PAGE_LINES, start: next, "test-status": true };
    const answer = await server.callWhole("GET", path, parameters, options.signal);
    const { total, active } = answer;
    const lines = objectsOf(answer.data, "the log of a task");
    for (const { n, t } of lines) {
      if (n !== next || typeof t !== "string") throw broken(upid, `line ${next} is missing`);
      next += 1;
      yield t;
    }
    if (typeof total !== "number" || typeof active !== "boolean") {
      throw broken(upid, "the answer does not say whether there is more");
    }
    if (next <= total) {
      if (lines.length === PAGE_LINES) continue;
      throw broken(upid, `there are ${total} lines, but none from ${next} on`);
    }
    if (!active) return;
    pauseMs = lines.length > 0 ? PAUSE_MS_MIN : Math.min(pauseMs * 2, PAUSE_MS_MAX);
    await options.pause(pauseMs);
  }
}

/** How a task has ended, in the words of its log; `undefined` when it has not, or nobody knows. */
export async function readTaskExit(
  server: BackupServer,
  upid: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const data = await server.call("GET", `${taskPath(upid)}/status`, {}, signal);
  const status: unknown = isJsonObject(data) ? data["exitstatus"] : undefined;
  return typeof status === "string" ? status : undefined;
}

/** Asks the server to end a task; it goes on until it notices. */
export async function stopTask(server: BackupServer, upid: string): Promise<void> {
  await server.call("DELETE", taskPath(upid));
}

/** Tells whether a task that ended with these words has done its work. */
export function isTaskSuccess(exitStatus: string): boolean {
  return exitStatus === "OK" || exitStatus.startsWith("WARNINGS");
}

/** A line of a task's log without the time in front of it. */
export function withoutTime(line: string): string {
  return line.startsWith(": ", TIME_LENGTH) ? line.slice(TIME_LENGTH + 2) : line;
}

/** Path of a task below `/api2/json/`; a UPID holds characters that mean something in an address. */
function taskPath(upid: string): string {
  return `nodes/localhost/tasks/${upid.replace(/[^A-Za-z0-9]/gu, percentEncoded)}`;
}

function percentEncoded(char: string): string {
  return [...new TextEncoder().encode(char)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

function broken(upid: string, reason: string): SessionError {
  return new SessionError("SESSION_PROTOCOL", `Cannot read the log of task "${upid}": ${reason}`);
}

import { setTimeout as sleep } from "node:timers/promises";

import { type BackupServer } from "../client/session/backup-server.ts";
import {
  followTaskLog,
  isTaskSuccess,
  readTaskExit,
  stopTask,
  withoutTime,
} from "../client/session/remote-task.ts";
import { CliError } from "./cli-error.ts";
import { commandLog } from "./log.ts";
import { visibleText } from "./visible-text.ts";

/**
 * Prints the log of a server's task until it has ended.
 *
 * An interruption is passed on to the server, and the log is followed until the task has noticed; a second one ends the
 * program (`runCommand`).
 *
 * @param purpose `run`: the task is this command's own. `watch`: it is only looked at, and an interruption leaves it alone.
 * @throws {CliError} `CLI_TASK_FAILED` when the task did not succeed; the signal's reason when it was interrupted.
 */
export async function followTask(
  server: BackupServer,
  upid: string,
  options: { readonly purpose: "run" | "watch"; readonly signal: AbortSignal },
): Promise<void> {
  const { purpose, signal } = options;
  const onAbort = (): void => {
    stopTask(server, upid).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      commandLog.line("warn", `Warning: the task cannot be stopped: ${reason}`);
    });
  };
  if (purpose === "run") signal.addEventListener("abort", onAbort);
  const watched = purpose === "watch" ? { signal } : {};
  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, watched);
  };
  try {
    for await (const line of followTaskLog(server, upid, { pause, ...watched })) {
      process.stdout.write(`${visibleText(withoutTime(line))}\n`);
    }
    const exitStatus = await readTaskExit(server, upid);
    signal.throwIfAborted();
    if (exitStatus !== undefined && isTaskSuccess(exitStatus)) return;
    throw new CliError(
      "CLI_TASK_FAILED",
      exitStatus === undefined
        ? "task stopped with unknown status"
        : `task failed (status ${visibleText(exitStatus)})`,
    );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

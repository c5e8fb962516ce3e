import { type Command } from "commander";

import type { BackupServer } from "../../client/session/backup-server.ts";
import { CliError } from "../cli-error.ts";
import { addConnectionOptions, type ConnectionOptions, withServer } from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import { runOnServer } from "../run-on-server.ts";
import { wholeNumber } from "../whole-number.ts";

/** Node, four numbers, type, what is worked on, account (spec rest-api.md §1.6). */
const UPID_PATTERN = /^UPID:[^:\s/]+(:[0-9A-Fa-f]{8,16}){4}:[^:\s/]+:[^:\s/]*:[^:\s/]+:$/;

/** Adds `amber task …`: what the server did and does with the datastore. */
export function registerTaskCommand(program: Command): void {
  const task = program.command("task").description("look at the server's tasks and stop them");
  addListCommand(task);
  const log = task
    .command("log")
    .description("print the log of a task, until it has ended")
    .argument("<upid>", "the task, as `task list` names it");
  addConnectionOptions(log).action(async (upid: string, options: ConnectionOptions) => {
    await runOnTask(upid, options, async (server, signal) => {
      const { followTask } = await import("../follow-task.ts");
      await followTask(server, upid, { purpose: "watch", signal });
    });
  });
  const stop = task
    .command("stop")
    .description("ask a task to end")
    .argument("<upid>", "the task, as `task list` names it");
  addConnectionOptions(stop).action(async (upid: string, options: ConnectionOptions) => {
    await runOnTask(upid, options, async (server) => {
      const { stopTask } = await import("../../client/session/remote-task.ts");
      await stopTask(server, upid);
    });
  });
}

/** Runs the body of a command that names a task; what is no UPID is refused before anything else is looked at. */
async function runOnTask(
  upid: string,
  options: ConnectionOptions,
  action: (server: BackupServer, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await runCommand(async (signal) => {
    if (!UPID_PATTERN.test(upid)) {
      throw new CliError(
        "CLI_USAGE",
        `Cannot find task "${upid}": not a UPID, as \`task list\` prints them`,
      );
    }
    await withServer(options, async (server) => {
      await action(server, signal);
    });
  });
}

type ListOptions = ConnectionOptions &
  OutputFormatOptions & { readonly limit: string; readonly all?: true };

function addListCommand(parent: Command): void {
  const command = parent
    .command("list")
    .description("list this account's tasks on the datastore that are running")
    .option("--limit <count>", "how many at most", "50")
    .option("--all", "also those that have ended");
  addOutputFormatOption(addConnectionOptions(command)).action(async (options: ListOptions) => {
    await runOnServer(options, async (server, signal) => {
      const { taskTable } = await import("../task-table.ts");
      const { tableStyle } = await import("../table.ts");
      const parameters = {
        limit: wholeNumber("--limit", options.limit, { min: 1, max: 1000 }),
        running: options.all !== true,
        start: 0,
        store: server.repository.store,
        userfilter: server.authId,
      };
      const data = await server.call("GET", "nodes/localhost/tasks", parameters, signal);
      await printResult(data, options, (tasks) => taskTable(tasks, tableStyle()));
    });
  });
}

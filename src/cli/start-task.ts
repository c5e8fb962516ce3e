import { type BackupServer } from "../client/session/backup-server.ts";
import { type ApiParameters } from "../client/session/rest-client.ts";
import { SessionError } from "../client/session/session-error.ts";
import { followTask } from "./follow-task.ts";
import { type OutputFormatOptions, renderJson } from "./output-format.ts";

/**
 * Makes the API call of the datastore that starts a task, then prints the task's log until it has ended; with JSON output
 * only its UPID, and returns at once.
 *
 * @throws {CliError} `CLI_TASK_FAILED`; `ApiError`, `SessionError`.
 */
export async function startTask(
  server: BackupServer,
  call: { readonly path: string; readonly parameters: ApiParameters },
  { outputFormat, signal }: OutputFormatOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const upid = await server.callStore("POST", call.path, call.parameters, signal);
  if (typeof upid !== "string") {
    throw new SessionError(
      "SESSION_PROTOCOL",
      "Cannot follow the task: the server did not name it",
    );
  }
  if (outputFormat === "text") await followTask(server, upid, { purpose: "run", signal });
  else process.stdout.write(renderJson(upid, outputFormat));
}

import type { BackupServer } from "../client/session/backup-server.ts";
import { type ConnectionOptions, withServer } from "./connection-options.ts";
import { runCommand } from "./run-command.ts";

/** Runs the body of a command that works with one server; see `runCommand`, `withServer`. */
export async function runOnServer(
  options: ConnectionOptions,
  action: (server: BackupServer, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await runCommand(async (signal) => {
    await withServer(options, async (server) => {
      await action(server, signal);
    });
  });
}

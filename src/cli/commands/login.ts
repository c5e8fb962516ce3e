import { type Command } from "commander";

import {
  addConnectionOptions,
  type ConnectionOptions,
  connectOptions,
} from "../connection-options.ts";
import { runCommand } from "../run-command.ts";

/** Adds `amber login`: later commands of the same user need no password for two hours. */
export function registerLoginCommand(program: Command): void {
  const command = program
    .command("login")
    .description("log in and keep the ticket for later commands");
  addConnectionOptions(command).action(async (options: ConnectionOptions) => {
    await runCommand(async (signal) => {
      const { logIn } = await import("../../client/session/connect-server.ts");
      await logIn(await connectOptions(options), signal);
    });
  });
}

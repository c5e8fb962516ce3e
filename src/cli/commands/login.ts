import { type Command } from "commander";

import {
  addConnectionOptions,
  type ConnectionOptions,
  connectOptions,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

/** Adds `amber login`: later commands of the same user need no password for two hours. */
export function registerLoginCommand(program: Command): void {
  const command = program
    .command("login")
    .description("log in and keep the ticket for later commands");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runCommand(async (signal) => {
        const { logIn } = await import("../../client/session/connect-server.ts");
        const { authIdOf, hostOf } = await import("../../client/session/repository.ts");
        const connect = await connectOptions(options);
        await logIn(connect, signal);
        const { repository } = connect;
        const account = { server: hostOf(repository), user: authIdOf(repository) };
        await printResult(account, options, () => "");
      });
    },
  );
}

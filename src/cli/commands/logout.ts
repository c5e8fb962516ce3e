import { type Command } from "commander";

import {
  addConnectionOptions,
  type ConnectionOptions,
  connectOptions,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

/** Adds `amber logout`: forgets the ticket of `login`; the server is not asked. */
export function registerLogoutCommand(program: Command): void {
  const command = program.command("logout").description("forget the ticket of an earlier login");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runCommand(async () => {
        const { logOut } = await import("../../client/session/connect-server.ts");
        const { authIdOf, hostOf } = await import("../../client/session/repository.ts");
        const { repository, config, clock } = await connectOptions(options);
        await logOut(repository, config, clock);
        const account = { server: hostOf(repository), user: authIdOf(repository) };
        await printResult(account, options, () => "");
      });
    },
  );
}

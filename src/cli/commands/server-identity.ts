import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions } from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";
import { visibleLine } from "../visible-text.ts";

/** Adds `amber server-identity`: what tells this server from every other. */
export function registerServerIdentityCommand(program: Command): void {
  const command = program
    .command("server-identity")
    .description("print what tells the server from every other");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { isJsonObject } = await import("../../client/session/server-answer.ts");
        const data = await server.call("GET", "nodes/localhost/identity", {}, signal);
        await printResult(data, options, (identity) =>
          Object.entries(isJsonObject(identity) ? identity : {})
            .map(([name, value]) => `${name}: ${visibleLine(String(value))}\n`)
            .join(""),
        );
      });
    },
  );
}

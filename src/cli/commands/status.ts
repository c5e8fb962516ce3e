import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions, withServer } from "../connection-options.ts";
import { runCommand } from "../run-command.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";

/** Adds `amber status`: how full the datastore is. */
export function registerStatusCommand(program: Command): void {
  const command = program.command("status").description("show the space of the datastore");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runCommand(async (signal) => {
        const { statusTable } = await import("../listing-table.ts");
        const { tableStyle } = await import("../table.ts");
        const data = await withServer(
          options,
          async (server) => await server.callStore("GET", "status", {}, signal),
        );
        process.stdout.write(
          options.outputFormat === "text"
            ? statusTable(data, tableStyle())
            : renderJson(data, options.outputFormat),
        );
      });
    },
  );
}

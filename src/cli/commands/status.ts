import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions } from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";

/** Adds `amber status`: how full the datastore is. */
export function registerStatusCommand(program: Command): void {
  const command = program.command("status").description("show the space of the datastore");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (options: ConnectionOptions & OutputFormatOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { statusTable } = await import("../listing-table.ts");
        const { tableStyle } = await import("../table.ts");
        const data = await server.callStore("GET", "status", {}, signal);
        await printResult(data, options, (sizes) => statusTable(sizes, tableStyle()));
      });
    },
  );
}

import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { runCommand } from "../run-command.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";

/** Adds `amber list`: the groups of a namespace. */
export function registerListCommand(program: Command): void {
  const command = program.command("list").description("list backup groups");
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (options: ConnectionOptions & NamespaceOption & OutputFormatOptions) => {
      await runCommand(async (signal) => {
        const { groupTable } = await import("../listing-table.ts");
        const { tableStyle } = await import("../table.ts");
        const { namespaceParameter } = await import("../../client/session/list-datastore.ts");
        const namespace = namespaceParameter(await chooseNamespace(options));
        const data = await withServer(
          options,
          async (server) => await server.callStore("GET", "groups", namespace, signal),
        );
        process.stdout.write(
          options.outputFormat === "text"
            ? groupTable(data, tableStyle())
            : renderJson(data, options.outputFormat),
        );
      });
    },
  );
}

import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";

/** Adds `amber list`: the groups of a namespace. */
export function registerListCommand(program: Command): void {
  const command = program.command("list").description("list backup groups");
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (options: ConnectionOptions & NamespaceOption & OutputFormatOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { groupTable } = await import("../listing-table.ts");
        const { tableStyle } = await import("../table.ts");
        const { namespaceParameter } = await import("../../client/session/list-datastore.ts");
        const namespace = namespaceParameter(await chooseNamespace(options));
        const data = await server.callStore("GET", "groups", namespace, signal);
        await printResult(data, options, (groups) => groupTable(groups, tableStyle()));
      });
    },
  );
}

import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { runCommand } from "../context.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";

/** Adds `amber list`: the groups of a namespace. */
export function registerListCommand(program: Command): void {
  const command = program.command("list").description("list backup groups");
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (options: ConnectionOptions & NamespaceOption & OutputFormatOptions) => {
      await runCommand(async (signal) => {
        const { namespaceParameter } = await import("../../client/session/datastore-listing.ts");
        const namespace = namespaceParameter(await chooseNamespace(options));
        const data = await withServer(
          options,
          async (server) => await server.callStore("GET", "groups", namespace, signal),
        );
        process.stdout.write(
          options.outputFormat === "text"
            ? await renderGroups(data)
            : renderJson(data, options.outputFormat),
        );
      });
    },
  );
}

async function renderGroups(data: unknown): Promise<string> {
  const { parseGroups } = await import("../../client/session/datastore-listing.ts");
  const { backupGroupText, snapshotIdText } = await import("../../format/snapshot/snapshot-id.ts");
  const { renderTable, tableStyle } = await import("../table.ts");
  const { fileList } = await import("../file-list.ts");
  return renderTable(
    parseGroups(data),
    [
      { title: "group", align: "left", cell: ({ group }) => backupGroupText(group) },
      {
        title: "last snapshot",
        align: "left",
        cell: ({ group, lastBackupSec }) => snapshotIdText({ ...group, timeSec: lastBackupSec }),
      },
      { title: "backup-count", align: "right", cell: ({ backupCount }) => String(backupCount) },
      { title: "files", align: "left", cell: ({ files }) => fileList(files) },
    ],
    tableStyle(),
  );
}

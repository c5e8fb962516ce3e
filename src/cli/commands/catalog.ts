import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import { addReadKeyOptions, type ReadKeyOptions, unsignedPolicy } from "../crypt-options.ts";

/** Adds `amber catalog …`: every name in the archives of a snapshot, and a shell to look around in one of them. */
export function registerCatalogCommand(program: Command): void {
  const catalog = program.command("catalog").description("look into snapshots");
  const dump = catalog
    .command("dump")
    .description("list every file of a snapshot")
    .argument("<snapshot>", "snapshot, as type/id/time, or type/id for the newest of a group");
  addReadKeyOptions(addOutputFormatOption(addNamespaceOption(addConnectionOptions(dump)))).action(
    async (
      text: string,
      options: ConnectionOptions & NamespaceOption & OutputFormatOptions & ReadKeyOptions,
    ) => {
      await runCommand(async (signal) => {
        const { dumpCatalog } = await import("../dump-catalog.ts");
        const { findSnapshot } = await import("../snapshot-argument.ts");
        const { chooseReadKey } = await import("../choose-crypt.ts");
        const key = await chooseReadKey(options);
        const unsigned = unsignedPolicy(options, key);
        const namespace = await chooseNamespace(options);
        await withServer(options, async (server) => {
          const found = await findSnapshot(server, namespace, text, signal);
          const { outputFormat } = options;
          const subject = { server, snapshot: { ...found, namespace }, key, unsigned };
          await dumpCatalog({ ...subject, outputFormat, signal });
        });
      });
    },
  );
  addShellCommand(catalog);
}

function addShellCommand(parent: Command): void {
  const shell = parent
    .command("shell")
    .description("look around in an archive and restore parts of it; `help` lists the commands")
    .argument("<snapshot>", "snapshot, as type/id/time, or type/id for the newest of a group")
    .argument("<archive>", "name of the archive, for example root.pxar")
    .addHelpText(
      "after",
      "\nCommands are read from standard input. A --datastore with a slash in it is a folder of this machine.",
    );
  addReadKeyOptions(addNamespaceOption(addConnectionOptions(shell))).action(
    async (
      snapshot: string,
      archive: string,
      options: ConnectionOptions & NamespaceOption & ReadKeyOptions,
    ) => {
      await runCommand(async (signal) => {
        const { withShellArchive } = await import("../shell/open-archive.ts");
        const { runShell } = await import("../shell/run-shell.ts");
        await withShellArchive(
          { snapshot, archive, options },
          async (opened) => {
            await runShell(opened, signal);
          },
          signal,
        );
      });
    },
  );
}

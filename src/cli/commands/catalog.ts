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

/** Adds `amber catalog dump`: every name in the archives of a snapshot. */
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
}

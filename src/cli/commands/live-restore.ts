import { type Command, Option } from "commander";

import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import { addOutputFormatOption } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import { addRateOptions } from "../transfer-options.ts";
import type { LiveRestoreOptions } from "../vm/restore-live.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds `amber live-restore`: lets a guest run on the disks of a backup at once, and restores them meanwhile. */
export function registerLiveRestoreCommand(program: Command): void {
  const command = program
    .command("live-restore")
    .description("run a guest on the disks of a backup at once, and restore them meanwhile")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<folder>", "gets a qcow2 file for each image; what was begun there goes on")
    .argument("[command...]", "after --: QEMU and its arguments, whose devices say drive=NAME")
    .option("--image <name>", "image to restore; default is all (repeatable)", collect, [])
    .option("--qmp <socket>", "monitor of a guest that runs on these files already")
    .addOption(new Option("--cache-size <bytes>", "decoded data in memory").default("64MiB"));
  addReadKeyOptions(
    addOutputFormatOption(addRateOptions(addNamespaceOption(addConnectionOptions(command)))),
  ).action(
    async (
      snapshot: string,
      folder: string,
      guest: readonly string[],
      options: LiveRestoreOptions,
    ) => {
      await runCommand(
        async (signal) => {
          const { restoreLive } = await import("../vm/restore-live.ts");
          await restoreLive({ snapshot, folder, command: guest }, { options, signal });
        },
        { whenOutputCloses: "go-on" },
      );
    },
  );
}

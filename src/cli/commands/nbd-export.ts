import { type Command, Option } from "commander";

import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import { addOutputFormatOption } from "../output-format.ts";
import { type ExitCode, runCommand } from "../run-command.ts";
import { addRateOptions } from "../transfer-options.ts";
import type { NbdExportOptions } from "../vm/run-nbd-export.ts";

/** Adds `amber nbd-export`: serves an image in a snapshot to NBD clients, such as QEMU. */
export function registerNbdExportCommand(program: Command): void {
  const command = program
    .command("nbd-export")
    .description("serve an image in a snapshot over NBD, read-only, until interrupted")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<archive>", "image, for example drive-scsi0.img; its name is that of the export")
    .requiredOption("--socket <path>", "Unix socket to listen at")
    .addOption(new Option("--cache-size <bytes>", "decoded data in memory").default("64MiB"));
  addReadKeyOptions(
    addOutputFormatOption(addRateOptions(addNamespaceOption(addConnectionOptions(command)))),
  ).action(async (snapshot: string, archive: string, options: NbdExportOptions) => {
    const run = async (signal: AbortSignal): Promise<ExitCode> => {
      const { runNbdExport } = await import("../vm/run-nbd-export.ts");
      return await runNbdExport({ snapshot, archive }, { options, signal });
    };
    await runCommand(run, { whenOutputCloses: "go-on" });
  });
}

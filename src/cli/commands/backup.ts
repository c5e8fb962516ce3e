import { type Command, Option } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  withServer,
} from "../connection-options.ts";
import { type ExitCode, exitCodes, runCommand } from "../run-command.ts";
import { addCryptOptions } from "../crypt-options.ts";
import { addOutputFormatOption } from "../output-format.ts";
import { type BackupCommandOptions } from "../prepare-backup.ts";
import { addRateOptions, chooseRateLimit } from "../transfer-options.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds `amber backup`: makes a snapshot of directories, images and small files. */
export function registerBackupCommand(program: Command): void {
  const command = program
    .command("backup")
    .description("back up directories, images and small files as one snapshot")
    .argument("<source...>", "NAME.pxar:DIRECTORY, NAME.img:IMAGE, NAME.conf:FILE or NAME.log:FILE")
    .addOption(
      new Option("--backup-type <type>", "type of the group")
        .choices(["host", "vm", "ct"])
        .default("host"),
    )
    .option("--backup-id <id>", "id of the group; default is the host's name")
    .option("--backup-time <seconds>", "time of the snapshot; default is now")
    .addOption(
      new Option("--change-detection-mode <mode>", "how unchanged files are found")
        .choices(["legacy", "data", "metadata"])
        .default("metadata"),
    )
    .option("--exclude <pattern>", "leave out what matches (repeatable)", collect, [])
    .option("--include-dev <path>", "enter this mount point (repeatable)", collect, [])
    .option("--all-file-systems", "enter all mount points")
    .option("--skip-lost-and-found", "leave out lost+found directories")
    .option("--skip-e2big-xattr", "leave out attributes of files that have too many")
    .option("--entries-max <count>", "directory entries held in memory", "1048576")
    .option("--chunk-size <KiB>", "average size of chunks, 64 to 4096, a power of two", "4096")
    .addOption(
      new Option("--image-format <format>", "qcow2, vmdk and vdi: what guests see, or the file")
        .choices(["auto", "raw"])
        .default("auto"),
    )
    .option("--dry-run", "only say what would be backed up")
    .option("--no-cache", "ask the server not to fill its cache");
  addOutputFormatOption(
    addCryptOptions(addRateOptions(addNamespaceOption(addConnectionOptions(command)))),
  ).action(async (sources: string[], options: BackupCommandOptions) => {
    const run = async (signal: AbortSignal): Promise<ExitCode> => {
      const { startBackupTools } = await import("../backup-tools.ts");
      const { prepareBackup } = await import("../prepare-backup.ts");
      const { chooseBackupReport } = await import("../choose-backup-report.ts");
      const prepared = await prepareBackup(sources, options);
      const namespace = await chooseNamespace(options);
      const rateLimit = await chooseRateLimit(options, signal);
      const report = chooseBackupReport({ ...prepared, namespace }, options.outputFormat);
      if (options.dryRun) {
        report.dryRun(prepared.sources);
        return exitCodes.ok;
      }
      await startBackupTools(async (tools) => {
        const { plannedWalks, runBackup } = await import("../../client/backup/run-backup.ts");
        tools.thread.walkAhead(plannedWalks(prepared));
        await withServer(options, async (server) => {
          report.begin(server.repository);
          for (const notice of prepared.notices) report.info(notice);
          try {
            const plan = { ...prepared, server, namespace, rateLimit };
            await runBackup(plan, { ...tools, signal, events: report });
          } finally {
            report.end();
          }
        });
      });
      report.succeed();
      return report.isIncomplete ? exitCodes.incomplete : exitCodes.ok;
    };
    await runCommand(run, { whenOutputCloses: "go-on" });
  });
}

import { type Command, Option } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  withServer,
} from "../connection-options.ts";
import { addCryptOptions } from "../crypt-options.ts";
import { addOutputFormatOption } from "../output-format.ts";
import { type ExitCode, runCommand } from "../run-command.ts";
import { addRateOptions, chooseRateLimit } from "../transfer-options.ts";
import type { BackupVmOptions } from "../vm/run-backup-vm.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds `amber backup-vm`: makes a snapshot of the disks of a running QEMU guest. */
export function registerBackupVmCommand(program: Command): void {
  const command = program
    .command("backup-vm")
    .description("back up all disks of a running QEMU guest at one point in time")
    .option("--qmp <socket>", "the guest's monitor (QMP), a Unix socket")
    .option("--pid <number>", "QEMU's process, whose arguments name its monitor")
    .option("--libvirt <domain>", "domain of libvirt, through virsh; mode stop: a persistent one")
    .option(
      "--backup-id <id>",
      "id of the group, such as 100; default is the guest's number in PVE",
    )
    .option("--backup-time <seconds>", "time of the snapshot; default is now")
    .addOption(
      new Option("--mode <mode>", "what the guest notices of it")
        .choices(["snapshot", "suspend", "stop"])
        .default("snapshot"),
    )
    .option("--agent <socket>", "the guest's agent; default is the one in QEMU's arguments")
    .option("--no-agent", "do not freeze the guest's file systems")
    .option("--config <file>", "configuration to store as qemu-server.conf")
    .option("--exclude-disk <name>", "leave out a disk (repeatable)", collect, [])
    .option("--fleecing <folder>", "room for old blocks of what the guest overwrites", "/var/tmp")
    .option("--stop-timeout <seconds>", "mode stop: how long the guest may shut down", "180")
    .option("--no-cache", "ask the server not to fill its cache");
  addOutputFormatOption(
    addCryptOptions(addRateOptions(addNamespaceOption(addConnectionOptions(command)))),
  ).action(async (options: BackupVmOptions) => {
    const run = async (signal: AbortSignal): Promise<ExitCode> => {
      const { prepareVmBackup, runBackupVm } = await import("../vm/run-backup-vm.ts");
      const prepared = await prepareVmBackup(options, signal);
      try {
        const namespace = await chooseNamespace(options);
        const rateLimit = await chooseRateLimit(options, signal);
        const { outputFormat } = options;
        return await withServer(options, async (server) => {
          const how = { server, namespace, rateLimit, outputFormat, signal };
          return await runBackupVm(prepared, how);
        });
      } finally {
        await prepared.release();
      }
    };
    await runCommand(run, { whenOutputCloses: "go-on" });
  });
}

import { type Command, Option } from "commander";

import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import type { MountCommandOptions } from "../mount-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import type { FileRestoreOptions } from "../vm/run-file-restore.ts";

/** Adds `amber file-restore`: single files out of snapshots, also out of file systems in images, without root. */
export function registerFileRestoreCommand(program: Command): void {
  const group = program
    .command("file-restore")
    .description("list and extract files of a snapshot, also those inside images");
  addFileRestoreCommands(group);
}

/** Adds its commands, which are the official `proxmox-file-restore`'s too. */
export function addFileRestoreCommands(group: Command): void {
  const path = "/ARCHIVE/PATH, /IMAGE/part/NUMBER/PATH or /IMAGE/lvm/GROUP/VOLUME/PATH; / lists";
  const list = group
    .command("list")
    .description("list a directory")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<path>", path);
  addOptions(list).action(async (snapshot: string, text: string, given: FileRestoreOptions) => {
    await runCommand(async (signal) => {
      const { listFiles } = await import("../vm/run-file-restore.ts");
      await listFiles({ snapshot, text }, { options: mountOptions(given), signal });
    });
  });
  const extract = group
    .command("extract")
    .description("extract a file, or a directory with all that is in it")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<path>", path)
    .argument("[target]", "new file or directory, or - for standard output", ".")
    .addOption(
      new Option("--format <format>", "as it is, or packed into one file")
        .choices(["plain", "tar", "zip"])
        .default("plain"),
    );
  addOptions(extract).action(
    async (snapshot: string, text: string, target: string, given: FileRestoreOptions) => {
      await runCommand(async (signal) => {
        const { extractFromSnapshot } = await import("../vm/run-file-restore.ts");
        const options = mountOptions(given);
        await extractFromSnapshot({ snapshot, text, target }, { options, signal });
      });
    },
  );
  const status = group
    .command("status")
    .description("list the small virtual machines that read file systems in images");
  addOutputFormatOption(status).action(async (options: OutputFormatOptions) => {
    await runCommand(async () => {
      const { listRestoreMachines } = await import("../vm/restore-machines.ts");
      const machines = await listRestoreMachines();
      const lines = machines.map(({ name, images }) => `${name}\t${images.join(" ")}\n`).join("");
      const listing = machines.map((machine) => ({ ...machine }));
      await printResult(listing, options, () => (lines === "" ? "No machines running.\n" : lines));
    });
  });
  group
    .command("stop")
    .description("end one of them")
    .argument("<name>", "as status shows it")
    .action(async (name: string) => {
      await runCommand(async () => {
        const { stopRestoreMachine } = await import("../vm/restore-machines.ts");
        await stopRestoreMachine(name);
      });
    });
}

function addOptions(command: Command): Command {
  const own = command
    .option("--base64", "the path is in base64, as the listings in JSON have it")
    .addOption(new Option("--cache-size <bytes>", "decoded data in memory").default("64MiB"));
  return addReadKeyOptions(addOutputFormatOption(addNamespaceOption(addConnectionOptions(own))));
}

function mountOptions(given: FileRestoreOptions): FileRestoreOptions & MountCommandOptions {
  return { ...given, transport: "fuse", diskCacheSize: "10GiB", o: [] };
}

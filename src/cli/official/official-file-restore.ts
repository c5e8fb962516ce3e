import { type Command, Option } from "commander";

/**
 * Gives the commands of `proxmox-file-restore` the options that only the official one has (spec client-cli.md §3).
 *
 * They choose and bound its own way of reading images, and are taken without effect.
 */
export function applyOfficialFileRestore(program: Command): void {
  for (const command of program.commands) {
    if (command.name() === "stop") continue;
    command.addOption(new Option("--driver <name>").choices(["Qemu"]).hideHelp());
    if (command.name() === "status") continue;
    command.addOption(new Option("--timeout <seconds>").hideHelp());
    command.addOption(new Option("--verbose").hideHelp());
  }
}

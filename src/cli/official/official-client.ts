import { type Command, Option } from "commander";

import { type CommandAliases } from "./official-arguments.ts";

/** Top-level commands of the official client that this program has (spec client-cli.md §2). */
export const officialCommandNames = [
  "backup",
  "benchmark",
  "catalog",
  "change-owner",
  "garbage-collect",
  "group",
  "key",
  "list",
  "login",
  "logout",
  "map",
  "mount",
  "namespace",
  "prune",
  "restore",
  "server-identity",
  "snapshot",
  "status",
  "task",
  "unmap",
  "version",
] as const;

/** Short-cuts of the official client (spec client-cli.md §2.3). */
export const officialAliases: CommandAliases = {
  snapshots: ["snapshot", "list"],
  files: ["snapshot", "files"],
  forget: ["snapshot", "forget"],
  "upload-log": ["snapshot", "upload-log"],
};

/** Gives commands the defaults and the option names that they have in the official client. */
export function applyOfficialDefaults(program: Command): void {
  for (const command of program.commands) {
    if (command.name() === "backup") {
      command.setOptionValueWithSource("changeDetectionMode", "legacy", "default");
      command.setOptionValueWithSource("imageFormat", "raw", "default");
    }
    if (command.name() === "mount") {
      command.addOption(new Option("--verbose", "stay in the foreground").hideHelp());
      command.hook("preAction", (_program, mount) => {
        if (mount.opts()["verbose"] === true) mount.setOptionValue("foreground", true);
      });
    }
  }
}

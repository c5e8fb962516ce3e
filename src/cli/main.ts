import { Command } from "commander";

import {
  answerCompletions,
  completionCommands,
  registerCompletionCommand,
} from "./commands/completion.ts";
import { exitCodes, usageHint } from "./run-command.ts";
import { readProgramVersion } from "./program-version.ts";

/** What every file in `commands/` exports: it adds one command to the program and loads nothing heavy. */
type Register = (program: Command) => void;

/**
 * Every command, in the order of the help, with the module that registers it.
 *
 * Modules are loaded at startup, so they import only commander and this folder's light files; what a command needs
 * to run is imported in its action.
 */
const commandModules: Readonly<Record<string, () => Promise<Register>>> = {
  backup: async () => (await import("./commands/backup.ts")).registerBackupCommand,
  restore: async () => (await import("./commands/restore.ts")).registerRestoreCommand,
  list: async () => (await import("./commands/list.ts")).registerListCommand,
  snapshot: async () => (await import("./commands/snapshot.ts")).registerSnapshotCommand,
  group: async () => (await import("./commands/group.ts")).registerGroupCommand,
  namespace: async () => (await import("./commands/namespace.ts")).registerNamespaceCommand,
  "change-owner": async () =>
    (await import("./commands/change-owner.ts")).registerChangeOwnerCommand,
  prune: async () => (await import("./commands/prune.ts")).registerPruneCommand,
  verify: async () => (await import("./commands/verify.ts")).registerVerifyCommand,
  "garbage-collect": async () =>
    (await import("./commands/garbage-collect.ts")).registerGarbageCollectCommand,
  task: async () => (await import("./commands/task.ts")).registerTaskCommand,
  catalog: async () => (await import("./commands/catalog.ts")).registerCatalogCommand,
  status: async () => (await import("./commands/status.ts")).registerStatusCommand,
  mount: async () => (await import("./commands/mount.ts")).registerMountCommand,
  umount: async () => (await import("./commands/umount.ts")).registerUmountCommand,
  key: async () => (await import("./commands/key.ts")).registerKeyCommand,
  login: async () => (await import("./commands/login.ts")).registerLoginCommand,
  logout: async () => (await import("./commands/logout.ts")).registerLogoutCommand,
  "server-identity": async () =>
    (await import("./commands/server-identity.ts")).registerServerIdentityCommand,
  server: async () => (await import("./commands/server.ts")).registerServerCommand,
  version: async () => (await import("./commands/version.ts")).registerVersionCommand,
};

/** Builds the program with the commands that `args` may need: the one it names, else all. */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("amber");
  program
    .description("Proxmox-Backup-compatible backups that open as folders")
    .version(await readProgramVersion(), "-V, --version", "print the version")
    .showSuggestionAfterError()
    .showHelpAfterError(usageHint)
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, "Error: "));
      },
    });
  const name = args[0] ?? "";
  const named = commandModules[name];
  const wanted = named ? [named] : Object.values(commandModules);
  for (const register of await Promise.all(wanted.map(async (load) => await load()))) {
    register(program);
  }
  if (completionCommands.includes(name)) await answerCompletions(program);
  else if (!named) registerCompletionCommand(program);
  return program;
}

/** Runs the program; the outcome is in `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const args = argv.slice(2);
  const program = await buildProgram(args);
  if (args.length === 0) {
    program.outputHelp({ error: true });
    process.exitCode = exitCodes.failed;
    return;
  }
  await program.parseAsync(args, { from: "user" });
}

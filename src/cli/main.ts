import { Command, CommanderError } from "commander";

import {
  answerCompletions,
  completionCommands,
  registerCompletionCommand,
} from "./commands/completion.ts";
import { type CommandAliases } from "./official/official-arguments.ts";
import { officialExitStatus } from "./official/official-exit-status.ts";
import { type OfficialName, personalityOf } from "./official/personality.ts";
import type { StartedAhead } from "./mount-background.ts";
import { exitCodes, reportFailure, usageHint } from "./run-command.ts";
import { readProgramVersion } from "./program-version.ts";

/** What every file in `commands/` exports: it adds one command to the program and loads nothing heavy. */
type Register = (program: Command, ahead: StartedAhead | undefined) => void;

/**
 * Every command, in the order of the help, with the module that registers it.
 *
 * Modules are loaded at startup, so they import only commander and this folder's light files; what a command needs
 * to run is imported in its action.
 */
const commandModules: Readonly<Record<string, () => Promise<Register>>> = {
  backup: async () => (await import("./commands/backup.ts")).registerBackupCommand,
  "backup-vm": async () => (await import("./commands/backup-vm.ts")).registerBackupVmCommand,
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
  "upload-log": async () => (await import("./commands/upload-log.ts")).registerUploadLogCommand,
  catalog: async () => (await import("./commands/catalog.ts")).registerCatalogCommand,
  status: async () => (await import("./commands/status.ts")).registerStatusCommand,
  benchmark: async () => (await import("./commands/benchmark.ts")).registerBenchmarkCommand,
  mount: async () => (await import("./commands/mount.ts")).registerMountCommand,
  "file-restore": async () =>
    (await import("./commands/file-restore.ts")).registerFileRestoreCommand,
  map: async () => (await import("./commands/map.ts")).registerMapCommand,
  unmap: async () => (await import("./commands/unmap.ts")).registerUnmapCommand,
  "nbd-export": async () => (await import("./commands/nbd-export.ts")).registerNbdExportCommand,
  "live-restore": async () =>
    (await import("./commands/live-restore.ts")).registerLiveRestoreCommand,
  umount: async () => (await import("./commands/umount.ts")).registerUmountCommand,
  key: async () => (await import("./commands/key.ts")).registerKeyCommand,
  pxar: async () => (await import("./commands/pxar.ts")).registerPxarCommand,
  login: async () => (await import("./commands/login.ts")).registerLoginCommand,
  logout: async () => (await import("./commands/logout.ts")).registerLogoutCommand,
  "server-identity": async () =>
    (await import("./commands/server-identity.ts")).registerServerIdentityCommand,
  manager: async () => (await import("./commands/manager.ts")).registerManagerCommand,
  server: async () => (await import("./commands/server.ts")).registerServerCommand,
  version: async () => (await import("./commands/version.ts")).registerVersionCommand,
};

/** Builds the program with the commands that `args` may need: the one it names, else all. */
export async function buildProgram(
  args: readonly string[],
  ahead?: StartedAhead,
): Promise<Command> {
  const program = await makeProgram(
    "amber",
    "Proxmox-Backup-compatible backups that open as folders",
  );
  const name = args[0] ?? "";
  const named = commandModules[name];
  await register(program, named ? [name] : Object.keys(commandModules), ahead);
  if (completionCommands.includes(name)) await answerCompletions(program, args);
  else if (!named) {
    registerCompletionCommand(program);
    program.addHelpText("after", OFFICIAL_NAMES_HELP);
  }
  return program;
}

const OFFICIAL_NAMES_HELP = `
Under the name proxmox-backup-client, proxmox-backup-manager, proxmox-file-restore or pxar, or with that
name as its first argument, this program takes the arguments of the official one.`;

/**
 * Runs the program; the outcome is in `process.exitCode`.
 *
 * @param ahead A process of this very command that was started already and may be of use.
 */
export async function main(argv: readonly string[], ahead?: StartedAhead): Promise<void> {
  const { name, args } = personalityOf(argv);
  // Help is written outside of commands, which look after their output themselves; nobody has to read it to its end.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") process.exitCode = exitCodes.failed;
  });
  try {
    if (name === "amber") await runAsAmber(args, ahead);
    else await runAsOfficial(name, args);
  } catch (error) {
    process.exitCode =
      error instanceof CommanderError ? error.exitCode : reportFailure(error, undefined);
  }
  if (name !== "amber") process.exitCode = officialExitStatus(process.exitCode);
}

async function runAsAmber(args: readonly string[], ahead: StartedAhead | undefined): Promise<void> {
  const program = await buildProgram(args, ahead);
  if (args.length === 0) program.help({ error: true });
  await program.parseAsync(args, { from: "user" });
}

async function runAsOfficial(name: OfficialName, args: readonly string[]): Promise<void> {
  const { translateArguments } = await import("./official/official-arguments.ts");
  const { program, aliases } = await buildOfficialProgram(name);
  const translated = translateArguments(program, aliases, args);
  if (translated.length === 0) program.help({ error: true });
  await program.parseAsync(translated, { from: "user" });
}

async function buildOfficialProgram(
  name: OfficialName,
): Promise<{ readonly program: Command; readonly aliases: CommandAliases }> {
  if (name === "pxar") {
    const { addPxarCommands } = await import("./commands/pxar.ts");
    const program = await makeProgram(name, "make and read archives in plain files");
    addPxarCommands(program);
    return { program, aliases: {} };
  }
  if (name === "proxmox-backup-manager") {
    const { addManagerCommands } = await import("./manager/add-manager-commands.ts");
    const program = await makeProgram(name, "administer the backup server of this machine");
    addManagerCommands(program);
    return { program, aliases: {} };
  }
  if (name === "proxmox-file-restore") {
    const { addFileRestoreCommands } = await import("./commands/file-restore.ts");
    const { applyOfficialFileRestore } = await import("./official/official-file-restore.ts");
    const program = await makeProgram(name, "list and extract files of snapshots");
    addFileRestoreCommands(program);
    applyOfficialFileRestore(program);
    return { program, aliases: {} };
  }
  const { applyOfficialDefaults, officialAliases, officialCommandNames } =
    await import("./official/official-client.ts");
  const program = await makeProgram(name, "back up to, and restore from, a backup server");
  await register(program, officialCommandNames);
  applyOfficialDefaults(program);
  return { program, aliases: officialAliases };
}

async function makeProgram(name: string, description: string): Promise<Command> {
  const program = new Command(name);
  program
    .description(description)
    .version(await readProgramVersion(), "-V, --version", "print the version")
    .showSuggestionAfterError()
    .showHelpAfterError(usageHint)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, "Error: "));
      },
    });
  return program;
}

async function register(
  program: Command,
  names: readonly string[],
  ahead?: StartedAhead,
): Promise<void> {
  const modules = names.flatMap((name) => commandModules[name] ?? []);
  for (const add of await Promise.all(modules.map(async (load) => await load()))) {
    add(program, ahead);
  }
}

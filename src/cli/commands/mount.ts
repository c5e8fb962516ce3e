import { resolve } from "node:path";

import { type Command, Option } from "commander";

import { CliError } from "../cli-error.ts";
import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import { type ExitCode, exitCodes, runCommand } from "../run-command.ts";
import type { StartedAhead } from "../mount-background.ts";
import { type MountCommandOptions, withMountWords } from "../mount-options.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/**
 * Adds `amber mount`: shows a datastore, or a part of it, as a read-only file system.
 *
 * @param ahead The process that stays, if it was started already.
 */
export function registerMountCommand(program: Command, ahead?: StartedAhead): void {
  const command = program
    .command("mount")
    .description("show backups as a read-only file system")
    .usage("[options] [NAMESPACE | GROUP | SNAPSHOT | GROUP-OR-SNAPSHOT ARCHIVE] DIRECTORY")
    .argument("<arguments...>", "what to mount, default is everything; and where")
    .option("--foreground", "stay until unmounted or interrupted")
    .option("--allow-other", "let other users see the mount")
    .addOption(
      new Option("--transport <name>", "how to reach the kernel")
        .choices(["fuse", "fuse-native"])
        .default("fuse"),
    )
    .option("--cache-size <bytes>", "decoded data kept in memory", "64MiB")
    .option("--disk-cache <folder>", "keep what was read in this folder, for the next time too")
    .option("--disk-cache-size <bytes>", "data kept in that folder", "10GiB")
    .option("--password-file <file>", "file with the password or token secret")
    .option("--fingerprint <fingerprint>", "fingerprint of the server's certificate")
    .option("-o <words>", "options as in fstab, separated by commas (repeatable)", collect, [])
    .addOption(new Option("--background-child <questions>").hideHelp())
    .addHelpText(
      "after",
      "\nA --datastore with a slash in it is a folder of this machine, read without a server.",
    );
  addReadKeyOptions(
    addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))),
  ).action(async (args: string[], options: MountCommandOptions & OutputFormatOptions) => {
    const { outputFormat } = options;
    await runCommand(
      async (signal) =>
        await mount(args, { ...withMountWords(options), outputFormat }, { signal, ahead }),
    );
  });
}

async function mount(
  args: readonly string[],
  options: MountCommandOptions & OutputFormatOptions,
  { signal, ahead }: { readonly signal: AbortSignal; readonly ahead: StartedAhead | undefined },
): Promise<ExitCode> {
  const { subject, mountPoint } = parseArguments(args);
  const { mountInBackground } = await import("../mount-background.ts");
  if (options.foreground !== true && options.backgroundChild === undefined) {
    const exitCode = await mountInBackground(signal, { keyfd: options.keyfd, ahead });
    if (exitCode === exitCodes.ok) await printMountPoint(mountPoint, options);
    return exitCode;
  }
  if (options.passwordFile !== undefined) process.env["PBS_PASSWORD_FILE"] = options.passwordFile;
  if (options.fingerprint !== undefined) process.env["PBS_FINGERPRINT"] = options.fingerprint;
  const { runMountHere } = await import("../run-mount-here.ts");
  await runMountHere({
    subject,
    mountPoint,
    options,
    signal,
    onShown: () => {
      void printMountPoint(mountPoint, options);
    },
  });
  return exitCodes.ok;
}

async function printMountPoint(mountPoint: string, options: OutputFormatOptions): Promise<void> {
  await printResult({ "mount-point": resolve(mountPoint) }, options, () => "");
}

function parseArguments(args: readonly string[]): {
  readonly subject: { readonly text: string; readonly archive: string | undefined };
  readonly mountPoint: string;
} {
  const mountPoint = args.at(-1);
  if (mountPoint === undefined || args.length > 3) {
    throw new CliError("CLI_USAGE", "Cannot mount: one to three arguments are needed");
  }
  const [text = "", archive] = args.slice(0, -1);
  return { subject: { text, archive }, mountPoint };
}

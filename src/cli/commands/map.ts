import { type Command, Option } from "commander";

import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import type { MountCommandOptions } from "../mount-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { type ExitCode, exitCodes, runCommand } from "../run-command.ts";

/** What `amber map` shares with a mount, which it is underneath. */
type MapOptions = OutputFormatOptions & MountCommandOptions;

/** Adds `amber map`: makes a read-only block device of an image in a snapshot. */
export function registerMapCommand(program: Command): void {
  const command = program
    .command("map")
    .description("make a read-only block device of an image in a snapshot")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<archive>", "image, for example drive-scsi0.img")
    .option("--cache-size <bytes>", "decoded data kept in memory", "64MiB")
    .addOption(new Option("--background-child <questions>").hideHelp());
  addReadKeyOptions(
    addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))),
  ).action(async (snapshot: string, archive: string, options: MapOptions) => {
    await runCommand(async (signal) => await map(snapshot, archive, options, signal));
  });
}

async function map(
  snapshot: string,
  archive: string,
  given: MapOptions,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { mountInBackground } = await import("../mount-background.ts");
  const { attachLoop, endMapMount, makeMapPoint } = await import("../vm/mapped-images.ts");
  const { archiveNameOf, shortArchiveName } = await import("../../format/snapshot/archive-name.ts");
  const image = shortArchiveName(archiveNameOf(archive));
  const subject = snapshot.split("/").length === 2 ? `${snapshot}/latest` : snapshot;
  const name = `${snapshot}/${image}`;
  const options: MapOptions = { ...given, transport: "fuse", diskCacheSize: "10GiB", o: [] };
  if (options.backgroundChild !== undefined) {
    const { runMountHere } = await import("../run-mount-here.ts");
    const mountPoint = await makeMapPoint(name);
    await runMountHere({ subject: { text: subject }, mountPoint, options, signal });
    return exitCodes.ok;
  }
  const exitCode = await mountInBackground(signal, options);
  if (exitCode !== exitCodes.ok) return exitCode;
  try {
    const device = await attachLoop(`${await makeMapPoint(name)}/${image}`);
    await printResult({ name, device }, options, () => `Image '${name}' mapped on ${device}\n`);
    return exitCodes.ok;
  } catch (error) {
    await endMapMount(name);
    throw error;
  }
}

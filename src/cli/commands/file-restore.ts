import { type Command, Option } from "commander";

import { CliError } from "../cli-error.ts";
import { addConnectionOptions, addNamespaceOption } from "../connection-options.ts";
import { addReadKeyOptions } from "../crypt-options.ts";
import { commandLog } from "../log.ts";
import type { MountCommandOptions } from "../mount-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runCommand } from "../run-command.ts";

type FileRestoreOptions = OutputFormatOptions & MountCommandOptions & { readonly base64?: true };

/** Adds `amber file-restore`: single files out of snapshots, also out of partitions in images, without root. */
export function registerFileRestoreCommand(program: Command): void {
  const group = program
    .command("file-restore")
    .description("list and extract files of a snapshot, also those inside images");
  const path = "/ARCHIVE/PATH or /IMAGE/part/NUMBER/PATH; / lists the archives";
  const list = group
    .command("list")
    .description("list a directory")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<path>", path);
  addOptions(list).action(async (snapshot: string, text: string, given: FileRestoreOptions) => {
    await runCommand(async (signal) => {
      const { findPlace, withSnapshotFolder } = await import("../vm/snapshot-files.ts");
      const { fileRestoreItem } = await import("../vm/file-restore-item.ts");
      const options = mountOptions(given);
      const wanted = pathOf(text, given);
      await withSnapshotFolder(snapshot, { options, signal }, async (folder) => {
        const place = await findPlace(folder, wanted);
        const isFile = place.kind === "entry" && place.entry.kind !== "directory";
        const listed =
          place.kind === "entries" ? place.entries : await place.tree.list(place.entry);
        const entries = isFile ? [place.entry] : listed;
        const items = entries.map((entry) => fileRestoreItem(isFile ? "" : wanted, entry));
        await printResult(items, given, () => items.map((item) => `${item.text}\n`).join(""));
      });
    });
  });
  const extract = group
    .command("extract")
    .description("extract a file, or a directory with all that is in it")
    .argument("<snapshot>", "snapshot; of a group, the newest one")
    .argument("<path>", path)
    .argument("[target]", "new file or directory, or - for standard output", ".");
  addOptions(extract).action(
    async (snapshot: string, text: string, target: string, given: FileRestoreOptions) => {
      await runCommand(async (signal) => {
        const { findPlace, withSnapshotFolder } = await import("../vm/snapshot-files.ts");
        const { extractPlace } = await import("../vm/extract-place.ts");
        const options = mountOptions(given);
        const wanted = pathOf(text, given);
        await withSnapshotFolder(snapshot, { options, signal }, async (folder) => {
          const place = await findPlace(folder, wanted);
          if (place.kind === "entries") {
            throw new CliError(
              "CLI_USAGE",
              `Cannot extract "${wanted}": it is no file or directory`,
            );
          }
          const done = await extractPlace(place, target);
          for (const path of done.leftOut) {
            commandLog.line("warn", `Warning: "${path}" is left out: it is no file`);
          }
          if (target !== "-") await printResult({ ...done }, given, () => "");
        });
      });
    },
  );
}

function addOptions(command: Command): Command {
  const own = command
    .option("--base64", "the path is in base64, as the listings in JSON have it")
    .addOption(new Option("--cache-size <bytes>", "decoded data in memory").default("64MiB"));
  return addReadKeyOptions(addOutputFormatOption(addNamespaceOption(addConnectionOptions(own))));
}

function mountOptions(given: FileRestoreOptions): MountCommandOptions {
  return { ...given, transport: "fuse", diskCacheSize: "10GiB", o: [] };
}

function pathOf(text: string, { base64 }: FileRestoreOptions): string {
  return base64 === true ? Buffer.from(text, "base64").toString() : text;
}

import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
  withServer,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import { addReadKeyOptions, type ReadKeyOptions, unsignedPolicy } from "../crypt-options.ts";
import { addRateOptions, chooseRateLimit, type RateOptions } from "../transfer-options.ts";

interface RestoreCommandOptions
  extends ConnectionOptions, NamespaceOption, RateOptions, ReadKeyOptions, OutputFormatOptions {
  readonly allowExistingDirs?: true;
  readonly overwrite?: true;
  readonly overwriteFiles?: true;
  readonly overwriteSymlinks?: true;
  readonly overwriteHardlinks?: true;
  readonly ignoreAcls?: true;
  readonly ignoreXattrs?: true;
  readonly ignoreOwnership?: true;
  readonly ignorePermissions?: true;
  readonly ignoreExtractDeviceErrors?: true;
  readonly sparse: boolean;
  readonly pattern: readonly string[];
  readonly preludeTarget?: string;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds `amber restore`: writes an archive of a snapshot to a directory, a file or standard output. */
export function registerRestoreCommand(program: Command): void {
  const command = program
    .command("restore")
    .description("restore an archive of a snapshot")
    .argument("<snapshot>", "snapshot, as type/id/time, or type/id for the newest of a group")
    .argument("<archive>", "name of the archive, for example root.pxar, disk.img or index.json")
    .argument("<target>", "directory for file trees, new file for anything else, - for stdout")
    .option("--pattern <pattern>", "restore only what matches (repeatable)", collect, [])
    .option("--allow-existing-dirs", "restore into directories that are there")
    .option("--overwrite", "replace what is there, and restore into directories that are there")
    .option("--overwrite-files", "replace what has the name of a file")
    .option("--overwrite-symlinks", "replace what has the name of a symbolic link")
    .option("--overwrite-hardlinks", "replace what has the name of a hard link")
    .option("--ignore-acls", "do not restore access control lists")
    .option("--ignore-xattrs", "do not restore extended attributes")
    .option("--ignore-ownership", "do not restore owners")
    .option("--ignore-permissions", "do not restore permissions")
    .option("--ignore-extract-device-errors", "go on when a device cannot be made")
    .option("--no-sparse", "write zeros instead of leaving holes")
    .option("--prelude-target <path>", "write the archive's prelude to this new file");
  addOutputFormatOption(
    addReadKeyOptions(addRateOptions(addNamespaceOption(addConnectionOptions(command)))),
  ).action(
    async (snapshot: string, archive: string, target: string, options: RestoreCommandOptions) => {
      await runCommand(async (signal) => {
        const { restoreArchive } = await import("../restore-archive.ts");
        const { treeOptions } = await import("../restore-options.ts");
        const { findSnapshot } = await import("../snapshot-argument.ts");
        const { chooseReadKey } = await import("../choose-crypt.ts");
        const { isWrappedKey } = await import("../../client/restore/run-restore.ts");
        // Whoever wants the wrapped key may have lost the passphrase of the one that lies here.
        const key = isWrappedKey(archive) ? undefined : await chooseReadKey(options);
        const namespace = await chooseNamespace(options);
        const rateLimit = await chooseRateLimit(options, signal);
        await withServer(options, async (server) => {
          const found = await findSnapshot(server, namespace, snapshot, signal);
          await restoreArchive(
            {
              server,
              snapshot: { namespace, ...found },
              archive,
              target: target === "-" ? process.stdout : target,
              patterns: options.pattern,
              tree: treeOptions(options),
              preludeTarget: options.preludeTarget,
              key,
              unsigned: unsignedPolicy(options, key),
              rateLimit,
            },
            { ...options, signal },
          );
        });
      });
    },
  );
}

import { type Command, Option } from "commander";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { CliError } from "../cli-error.ts";
import type { BackgroundQuestions } from "../mount-background.ts";
import type { ExtractArchivePlan } from "../pxar/extract-archive-file.ts";
import { exitCodes, runCommand } from "../run-command.ts";
import { wholeNumber } from "../whole-number.ts";

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Adds `amber pxar …`: archives as files, without a server. */
export function registerPxarCommand(program: Command): void {
  addPxarCommands(program.command("pxar").description("make and read archives in plain files"));
}

/** Adds the commands of the official program `pxar` (spec client-cli.md §4). */
export function addPxarCommands(parent: Command): void {
  addCreateCommand(parent);
  addExtractCommand(parent);
  addListCommand(parent);
  addMountCommand(parent);
}

/** Options that both `create` and `extract` have, and what each leaves out. */
interface FeatureFlags {
  readonly xattrs: boolean;
  readonly fcaps: boolean;
  readonly acls: boolean;
  readonly deviceNodes: boolean;
  readonly fifos: boolean;
  readonly sockets: boolean;
}

type CreateOptions = FeatureFlags & {
  readonly exclude: readonly string[];
  readonly allFileSystems?: true;
  readonly entriesMax: string;
  readonly payloadOutput?: string;
};

function addCreateCommand(parent: Command): void {
  parent
    .command("create")
    .description("pack a directory into a new archive file")
    .argument("<archive>", "new file, - for stdout")
    .argument("<source>", "directory")
    .option("--exclude <pattern>", "leave out what matches (repeatable)", collect, [])
    .option("--all-file-systems", "enter all mount points")
    .option("--entries-max <count>", "directory entries held in memory", "1048576")
    .option("--no-xattrs", "leave out extended attributes")
    .option("--no-fcaps", "leave out file capabilities")
    .option("--no-acls", "leave out access control lists")
    .option("--no-device-nodes", "leave out devices")
    .option("--no-fifos", "leave out named pipes")
    .option("--no-sockets", "leave out sockets")
    .option("--payload-output <file>", "put content into this new file")
    .action(async (archive: string, source: string, options: CreateOptions) => {
      await runCommand(async (signal) => {
        const { createArchive } = await import("../pxar/create-archive.ts");
        const { deviceNodes, ...flags } = options;
        const kept = { ...flags, devices: deviceNodes };
        const parts = ["xattrs", "fcaps", "acls", "devices", "fifos", "sockets"] as const;
        const entriesMax = wholeNumber("--entries-max", options.entriesMax, {
          min: 1,
          max: 2 ** 31,
        });
        await createArchive(
          {
            archive,
            payload: options.payloadOutput,
            source,
            excludes: options.exclude,
            mounts: options.allFileSystems === true ? "all" : [],
            entriesMax,
            leaveOut: parts.filter((part) => !kept[part]),
          },
          signal,
        );
      });
    });
}

type ExtractOptions = FeatureFlags & {
  readonly pattern: readonly string[];
  readonly filesFrom?: string;
  readonly allowExistingDirs?: true;
  readonly overwrite?: true;
  readonly overwriteFiles?: true;
  readonly overwriteSymlinks?: true;
  readonly overwriteHardlinks?: true;
  readonly strict?: true;
  readonly payloadInput?: string;
  readonly preludeTarget?: string;
};

function addExtractCommand(parent: Command): void {
  parent
    .command("extract")
    .description("restore the tree of an archive file")
    .argument("<archive>", "file, - for stdin")
    .argument("[target]", "directory, default is the current one", ".")
    .option("--pattern <pattern>", "restore only what matches (repeatable)", collect, [])
    .option("--files-from <file>", "also what matches a line of this file")
    .option("--allow-existing-dirs", "restore into directories that are there")
    .option("--overwrite", "replace what is there, and restore into directories that are there")
    .option("--overwrite-files", "replace what has the name of a file")
    .option("--overwrite-symlinks", "replace what has the name of a symbolic link")
    .option("--overwrite-hardlinks", "replace what has the name of a hard link")
    .option("--no-xattrs", "do not restore extended attributes")
    .option("--no-fcaps", "do not restore file capabilities")
    .option("--no-acls", "do not restore access control lists")
    .option("--no-device-nodes", "do not restore devices")
    .option("--no-fifos", "do not restore named pipes")
    .option("--no-sockets", "do not restore sockets")
    .option("--strict", "fail when metadata cannot be restored")
    .option("--payload-input <file>", "where the content of a split archive is")
    .option("--prelude-target <path>", "write the archive's prelude to this new file")
    .action(async (archive: string, target: string, options: ExtractOptions) => {
      await runCommand(async (signal) => {
        const { namingArchive } = await import("../pxar/archive-file.ts");
        const { extractArchiveFile } = await import("../pxar/extract-archive-file.ts");
        const { treeOptions } = await import("../restore-options.ts");
        const reduced = {
          ignoreAcls: !options.acls,
          ignoreXattrs: !options.xattrs,
          ignoreFcaps: !options.fcaps,
          leaveOut: {
            devices: !options.deviceNodes,
            fifos: !options.fifos,
            sockets: !options.sockets,
          },
        };
        const plan: ExtractArchivePlan = {
          archive,
          payload: options.payloadInput,
          target,
          patterns: options.pattern,
          patternFile: options.filesFrom,
          preludeTarget: options.preludeTarget,
          options: treeOptions({ ...options, ...reduced, sparse: true }),
          problems: options.strict === true ? "fail" : "warn",
        };
        await namingArchive(archive, async () => {
          await extractArchiveFile(plan, signal);
        });
      });
    });
}

function addListCommand(parent: Command): void {
  parent
    .command("list")
    .description("print the path of every entry of an archive file")
    .argument("<archive>", "file, - for stdin; of a split archive the one with the metadata")
    .option("--payload-input <file>", "where the content of a split archive is; it is not needed")
    .action(async (archive: string) => {
      await runCommand(async (signal) => {
        const { listArchive } = await import("../pxar/list-archive.ts");
        const isDetailed = process.env["PXAR_LOG"]?.toLowerCase() === "debug";
        await listArchive(archive, isDetailed ? "details" : "paths", signal);
      });
    });
}

interface MountOptions {
  readonly payloadInput?: string;
  readonly verbose?: true;
  readonly backgroundChild?: BackgroundQuestions;
}

function addMountCommand(parent: Command): void {
  parent
    .command("mount")
    .description("show an archive file as a read-only file system")
    .argument("<archive>", "file; of a split archive the one with the metadata")
    .argument("<directory>", "where")
    .option("--payload-input <file>", "where the content of a split archive is")
    .option("--verbose", "stay until unmounted or interrupted")
    .addOption(new Option("--background-child <questions>").hideHelp())
    .action(async (archive: string, mountPoint: string, options: MountOptions) => {
      await runCommand(async (signal) => {
        if (archive === "-") throw new CliError("CLI_USAGE", "Cannot mount standard input");
        const { mountInBackground, backgroundLink } = await import("../mount-background.ts");
        const { backgroundChild } = options;
        if (options.verbose !== true && backgroundChild === undefined) {
          return await mountInBackground(signal, {});
        }
        const { mountArchive } = await import("../pxar/mount-archive.ts");
        const { MountLog } = await import("../mount-log.ts");
        const log = new MountLog();
        const link = backgroundChild === undefined ? undefined : backgroundLink(backgroundChild);
        const stop = abortOnAny([signal, link?.signal]);
        const mounting = mountArchive(
          { archive, payload: options.payloadInput, mountPoint },
          {
            log,
            signal: stop.signal,
            onMounted: () => {
              link?.mounted();
              if (link) log.detach();
            },
          },
        );
        await mounting.finally(() => {
          stop[Symbol.dispose](); // Not by `using`: the compiler does not rewrite imports beside it.
          link?.close();
        });
        return exitCodes.ok;
      });
    });
}

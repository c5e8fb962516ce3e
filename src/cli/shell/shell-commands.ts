import { Command } from "commander";

import { type BrowsedEntry } from "../browsed-entry.ts";
import { CliError } from "../cli-error.ts";
import { writeBatched, writeOutput } from "../write-batched.ts";
import { treeOptions } from "../restore-options.ts";
import { bytesOfText } from "./byte-text.ts";
import { entryStatus } from "./entry-status.ts";
import { type ShellArchive } from "./open-archive.ts";
import { restorePart } from "./restore-part.ts";
import { matcherOf, type Selection } from "./selection.ts";
import { resolveShellPath, type ShellPath, shellPathBytes, shownPath } from "./shell-path.ts";

/** What the shell works on, and where it is. */
export interface ShellState {
  readonly opened: ShellArchive;
  readonly selection: Selection;
  directory: ShellPath;
  hasEnded: boolean;
}

interface OverwriteFlags {
  readonly allowExistingDirs?: true;
  readonly overwrite?: true;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/**
 * Makes the commands of the shell (spec client-cli.md §2.4), for one line: what they find goes to standard output.
 *
 * @param signal Ends the command.
 */
export function shellCommands(state: ShellState, signal: AbortSignal): Command {
  const program = new Command("shell")
    .usage("COMMAND [ARGUMENTS]")
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  addLooking(program, state, signal);
  addSelecting(program, state, signal);
  addRestoring(program, state, signal);
  program
    .command("exit")
    .description("leave the shell")
    .action(() => {
      state.hasEnded = true;
    });
  return program;
}

function addLooking(program: Command, state: ShellState, signal: AbortSignal): void {
  const { browser } = state.opened;
  const at = (text: string): ShellPath => resolveShellPath(state.directory, text);
  program
    .command("pwd")
    .description("print the current directory")
    .action(async () => {
      await printPath(state.directory, signal);
    });
  program
    .command("cd")
    .description("change the current directory, to the root without a path")
    .argument("[path]", "directory", "/")
    .action(async (text: string) => {
      const path = at(text);
      await browser.list(path);
      state.directory = path;
    });
  program
    .command("ls")
    .description("list a directory, one name a line; directories end in a slash")
    .argument("[path]", "directory, or another entry", ".")
    .action(async (text: string) => {
      const path = at(text);
      const entry = await browser.entry(path);
      const isDirectory = entry === undefined || entry.kind === "directory";
      const entries = isDirectory ? await browser.list(path) : [entry];
      await writeBatched(streamOf(entries), listedName, signal);
    });
  program
    .command("stat")
    .description("tell what the archive holds of an entry")
    .argument("<path>", "entry")
    .action(async (text: string) => {
      const path = at(text);
      await writeOutput(entryStatus(path, await browser.node(path, signal)), signal);
    });
}

function addSelecting(program: Command, state: ShellState, signal: AbortSignal): void {
  const { selection, opened } = state;
  const at = (text: string): ShellPath => resolveShellPath(state.directory, text);
  program
    .command("find")
    .description("print the paths of the whole archive that match a pattern")
    .argument("<pattern>", "as of --exclude, for example '**/*.conf' or /etc/hosts")
    .option("--select", "also select them")
    .action(async (pattern: string, options: { readonly select?: true }) => {
      const isMatch = matcherOf([bytesOfText(pattern)]);
      await printMatches(state, isMatch, signal);
      if (options.select === true) selection.addPattern(pattern);
    });
  program
    .command("select")
    .description("choose an entry, with everything below it, for restore-selected")
    .argument("<path>", "entry")
    .action(async (text: string) => {
      const path = at(text);
      if ((await opened.browser.entry(path)) === undefined) {
        throw new CliError("CLI_USAGE", "Cannot select /: `restore` restores the whole archive");
      }
      selection.addPath(path);
    });
  program
    .command("deselect")
    .description("take an entry out of the selection; no patterns")
    .argument("<path>", "entry")
    .action((text: string) => {
      selection.removePath(at(text));
    });
  program
    .command("clear-selected")
    .description("take everything out of the selection")
    .action(() => {
      selection.clear();
    });
  program
    .command("list-selected")
    .description("print the selected paths, without what is below them")
    .option("--patterns", "print the patterns of the selection")
    .action(async (options: { readonly patterns?: true }) => {
      if (options.patterns === true) {
        const lines = selection.patterns.map((pattern) => `${shownPath(Buffer.from(pattern))}\n`);
        await writeOutput(lines.join(""), signal);
      } else if (selection.size > 0) await printMatches(state, selection.matcher(), signal);
    });
}

function addRestoring(program: Command, state: ShellState, signal: AbortSignal): void {
  const { opened, selection } = state;
  const withFlags = (command: Command): Command =>
    command
      .option("--allow-existing-dirs", "restore into directories that are there")
      .option("--overwrite", "replace what is there");
  const optionsOf = (flags: OverwriteFlags) => treeOptions({ ...flags, sparse: true });
  withFlags(
    program
      .command("restore-selected")
      .description("restore what is selected, with the directories that lead to it")
      .argument("<target>", "directory of this machine"),
  ).action(async (target: string, flags: OverwriteFlags) => {
    if (selection.size === 0) {
      throw new CliError("CLI_USAGE", "Cannot restore what is selected: nothing is");
    }
    const { patterns } = selection;
    const part = { below: [], patterns, target, options: optionsOf(flags) };
    await restorePart(opened, part, signal);
  });
  withFlags(
    program
      .command("restore")
      .description("restore the content of the current directory")
      .argument("<target>", "directory of this machine")
      .option("--pattern <pattern>", "only what matches (repeatable)", collect, []),
  ).action(
    async (target: string, flags: OverwriteFlags & { readonly pattern: readonly string[] }) => {
      const patterns = flags.pattern.map((text) => bytesOfText(text));
      const part = { below: state.directory, patterns, target, options: optionsOf(flags) };
      await restorePart(opened, part, signal);
    },
  );
}

async function printMatches(
  { opened }: ShellState,
  isMatch: (path: ShellPath, kind: "directory" | "other") => boolean,
  signal: AbortSignal,
): Promise<void> {
  const matching = async function* (): AsyncGenerator<ShellPath, void, void> {
    for await (const { path, entry } of opened.browser.walk([], signal)) {
      if (isMatch(path, entry.kind === "directory" ? "directory" : "other")) yield path;
    }
  };
  await writeBatched(matching(), (path) => shownPath(shellPathBytes(path)), signal);
}

async function printPath(path: ShellPath, signal: AbortSignal): Promise<void> {
  await writeOutput(`${shownPath(shellPathBytes(path))}\n`, signal);
}

/** Lines of a listing: the slash stays outside the quotes. */
function listedName({ kind, name }: BrowsedEntry): string {
  return `${shownPath(name)}${kind === "directory" ? "/" : ""}`;
}

async function* streamOf<Item>(items: Iterable<Item>): AsyncGenerator<Item, void, void> {
  for (const item of items) yield await Promise.resolve(item);
}

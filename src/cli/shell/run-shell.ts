import { createInterface, type Interface } from "node:readline";

import { CommanderError } from "commander";

import { abortOnAny } from "../../chunks/abort-on-any.ts";
import { CliError } from "../cli-error.ts";
import { commandLog } from "../log.ts";
import { translateArguments } from "../official/official-arguments.ts";
import { describeFailure } from "../run-command.ts";
import { completeLine } from "./complete-line.ts";
import { type ShellArchive } from "./open-archive.ts";
import { Selection } from "./selection.ts";
import { shellCommands, type ShellState } from "./shell-commands.ts";
import { shellPathBytes, shownPath } from "./shell-path.ts";
import { shellWords } from "./shell-words.ts";

/**
 * Reads commands about an archive from standard input until it ends, or `exit`.
 *
 * On a terminal there is a prompt, completion and a history; what fails is told, and Ctrl-C ends the command under way.
 * Elsewhere there is no prompt, and the first command that fails ends the shell.
 *
 * @throws What a command of a script throws; the signal's reason.
 */
export async function runShell(opened: ShellArchive, signal: AbortSignal): Promise<void> {
  const isTerminal = process.stdin.isTTY;
  const state: ShellState = {
    opened,
    selection: new Selection(),
    directory: [],
    hasEnded: false,
  };
  const lines = createInterface({
    input: process.stdin,
    terminal: isTerminal,
    ...(isTerminal ? { output: process.stdout } : {}),
    completer: (line: string, answer: (error: null, found: [string[], string]) => void) => {
      const commands = shellCommands(state, signal).commands.map((command) => command.name());
      void completeLine(line, { commands, state }).then((found) => {
        answer(null, found);
      });
    },
  });
  const onAbort = (): void => {
    lines.close();
  };
  signal.addEventListener("abort", onAbort);
  try {
    await readLines(lines, { state, isTerminal, signal });
  } finally {
    signal.removeEventListener("abort", onAbort);
    lines.close();
  }
  signal.throwIfAborted();
}

async function readLines(
  lines: Interface,
  run: { readonly state: ShellState; readonly isTerminal: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const { state, isTerminal, signal } = run;
  let command: AbortController | undefined;
  lines.on("SIGINT", () => {
    if (command) command.abort(new Error("interrupted"));
    else lines.write(null, { ctrl: true, name: "u" });
  });
  const prompt = (): void => {
    if (!isTerminal) return;
    lines.setPrompt(`pxar:${shownPath(shellPathBytes(state.directory))} > `);
    lines.prompt();
  };
  prompt();
  for await (const line of lines) {
    command = new AbortController();
    try {
      using stop = abortOnAny([signal, command.signal]);
      await runLine(line, state, stop.signal);
    } catch (error) {
      if (!isTerminal || signal.aborted) throw error;
      commandLog.line("error", describeFailure(error));
    }
    command = undefined;
    if (state.hasEnded) return;
    prompt();
  }
}

async function runLine(line: string, state: ShellState, signal: AbortSignal): Promise<void> {
  const words = shellWords(line);
  if (words.length === 0) return;
  const program = shellCommands(state, signal);
  try {
    await program.parseAsync(translateArguments(program, {}, words), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return; // A help text was asked for.
    const reason = error.message.replace(/^error: /, "");
    throw new CliError("CLI_USAGE", `Cannot run "${line.trim()}": ${reason}`);
  }
}

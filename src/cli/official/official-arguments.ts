import { type Command, type Option } from "commander";

import { CliError } from "../cli-error.ts";

/** Values of a flag that mean yes, and those that mean no (spec client-cli.md §1). */
const flagValues: Readonly<Record<string, boolean>> = {
  true: true,
  1: true,
  yes: true,
  on: true,
  false: false,
  0: false,
  no: false,
  off: false,
};

/** Names of one command that stand for others, for example `snapshots` for `snapshot list`. */
export type CommandAliases = Readonly<Record<string, readonly string[]>>;

/**
 * Translates arguments in the official syntax into those that the commands of `program` take.
 *
 * Options may stand anywhere, also before the command; flags may have a value; commands may be abbreviated to a prefix that
 * only one of them has; `help [COMMAND]` asks for a help text.
 *
 * @throws {CliError} `CLI_USAGE` for a command that does not exist, and for a flag with an odd value.
 */
export function translateArguments(
  program: Command,
  aliases: CommandAliases,
  args: readonly string[],
): readonly string[] {
  let command = program;
  const names: string[] = [];
  const options: string[] = [];
  const operands: string[] = [];
  let isHelp = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (arg.startsWith("--")) {
      const equals = arg.indexOf("=");
      const name = equals === -1 ? arg : arg.slice(0, equals);
      const given = equals === -1 ? undefined : arg.slice(equals + 1);
      const option = findOption(command, name);
      if (option?.isBoolean() === false && option.required) {
        if (given === undefined) i += 1;
        options.push(name, ...valueOf(given ?? args[i]));
      } else if (option?.isBoolean() === false && option.optional) {
        // A switch that can also be turned off: only what looks like its value is taken for it.
        const following = flagValues[(args[i + 1] ?? "").toLowerCase()];
        if (given === undefined && following !== undefined) i += 1;
        const value = given === undefined ? following : flagValue(name, given);
        options.push(`${name}=${String(value ?? true)}`);
      } else if (given !== undefined) {
        if (flagValue(name, given)) options.push(name);
      } else {
        const following = flagValues[(args[i + 1] ?? "").toLowerCase()];
        if (following !== undefined) i += 1;
        if (following !== false) options.push(name);
      }
    } else if (command === program && names.length === 0 && !isHelp && arg === "help") {
      isHelp = true;
    } else if (command.commands.length > 0) {
      for (const name of commandNames(command, command === program ? aliases : {}, arg)) {
        names.push(name);
        command = childOf(command, name) ?? command;
      }
    } else operands.push(arg);
  }
  if (isHelp) return [...names, "--help"];
  return [...names, ...options, ...(operands.length > 0 ? ["--", ...operands] : [])];
}

function valueOf(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}

function flagValue(name: string, text: string): boolean {
  const value = flagValues[text.toLowerCase()];
  if (value !== undefined) return value;
  throw new CliError("CLI_USAGE", `Cannot use "${text}" for ${name}: true or false`);
}

/** An option of the command, or as long as the command is not known, of any below it. */
function findOption(command: Command, name: string): Option | undefined {
  const own = command.options.find((option) => option.long === name);
  if (own) return own;
  for (const child of command.commands) {
    const found = findOption(child, name);
    if (found) return found;
  }
  return undefined;
}

function commandNames(parent: Command, aliases: CommandAliases, word: string): readonly string[] {
  if (childOf(parent, word)) return [word];
  const alias = aliases[word];
  if (alias) return alias;
  const names = parent.commands.map((child) => child.name());
  const matching = names.filter((name) => name.startsWith(word));
  if (matching.length > 0) return [onlyOne(matching, word)];
  const short = Object.keys(aliases).filter((name) => name.startsWith(word));
  return aliases[onlyOne(short, word)] ?? [];
}

function onlyOne(names: readonly string[], word: string): string {
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  const hint = names.length === 0 ? "" : ` (${names.join(", ")})`;
  const reason = names.length === 0 ? "no such command" : "more than one command begins like this";
  throw new CliError("CLI_USAGE", `Cannot run "${word}": ${reason}${hint}`);
}

function childOf(parent: Command, name: string): Command | undefined {
  return parent.commands.find((child) => child.name() === name);
}

import { type Command, InvalidArgumentError, Option } from "commander";

import { parameterDescriptions } from "../../server/http/parameter-descriptions.ts";
import { addOutputFormatOption } from "../output-format.ts";
import { runCommand } from "../run-command.ts";
import { wholeNumber } from "../whole-number.ts";
import { accountCommands } from "./account-commands.ts";
import { type ManagerCommand } from "./manager-command.ts";
import {
  managerOptions,
  type ManagerOption,
  optionDescriptions,
  type OptionKind,
} from "./manager-options.ts";
import { nodeCommands } from "./node-commands.ts";
import { notificationCommands } from "./notification-commands.ts";
import type { ManagerRunOptions } from "./run-manager-command.ts";
import { storeCommands } from "./store-commands.ts";

/** Groups of commands, with what each is about. */
const groups: Readonly<Record<string, string>> = {
  user: "users, their tokens and second factors",
  "user tfa": "second factors of users",
  acl: "who has which role on which path",
  datastore: "datastores that the server has",
  "garbage-collection": "free the space of what no snapshot uses",
  "prune-job": "jobs that thin out snapshots",
  "verify-job": "jobs that verify snapshots",
  "sync-job": "jobs that pull from other servers",
  remote: "other servers to pull from",
  "traffic-control": "how fast clients may transfer",
  "overdue-rule": "how old the newest backup of which groups may be",
  notification: "who is told what happens",
  "notification endpoint": "where notifications go",
  "notification endpoint sendmail": "mail through the sendmail of the server's machine",
  "notification endpoint smtp": "mail through a mail server",
  "notification endpoint gotify": "servers of Gotify",
  "notification endpoint webhook": "HTTP requests",
  "notification matcher": "which notifications go where",
  "notification target": "targets of all types",
  cert: "the server's certificate",
  node: "the server as a whole",
  task: "what the server does and did",
};

/** Adds every command of the manager to a program or to `amber manager`. */
export function addManagerCommands(parent: Command): void {
  const all = [accountCommands, storeCommands, notificationCommands, nodeCommands];
  for (const entry of all.flat()) addCommand(parent, entry);
}

function addCommand(program: Command, entry: ManagerCommand): void {
  const words = entry.names.split(" ");
  const name = words.pop() ?? "";
  let parent = program;
  words.forEach((word, depth) => {
    const found = parent.commands.find((each) => each.name() === word);
    const about = groups[words.slice(0, depth + 1).join(" ")] ?? "";
    parent = found ?? parent.command(word).description(about);
  });
  const command = parent.command(name).description(entry.description);
  for (const arg of entry.args ?? []) command.argument(`<${arg}>`, descriptionOf(arg));
  for (const option of entry.options ?? []) addParameterOption(command, option);
  command
    .option("--config <dir>", "configuration folder of the server on this machine")
    .option(
      "--repository <repository>",
      "[[user@realm[!token]@]host:][port:]datastore, for another server",
    );
  addOutputFormatOption(command).action(async (...given: unknown[]) => {
    const texts = given.slice(0, entry.args?.length ?? 0).map(String);
    const options = command.opts<ManagerRunOptions>();
    await runCommand(async (signal) => {
      const { runManagerCommand } = await import("./run-manager-command.ts");
      await runManagerCommand(entry, texts, { ...options, signal });
    });
  });
}

function addParameterOption(command: Command, name: ManagerOption): void {
  const kind: OptionKind = managerOptions[name];
  const flag = name === "delete-entry" ? "delete" : name;
  const description = descriptionOf(name);
  switch (kind) {
    case "flag":
      command.addOption(new Option(`--${flag}`, description));
      return;
    case "switch":
      command.addOption(
        new Option(`--${flag} [bool]`, description).preset(true).argParser(switchOf),
      );
      return;
    case "number":
      command.addOption(
        new Option(`--${flag} <number>`, description).argParser((text) =>
          wholeNumber(`--${flag}`, text, { min: 0, max: Number.MAX_SAFE_INTEGER }),
        ),
      );
      return;
    case "list":
      command.addOption(repeatable(`--${flag} <value>`, description));
      return;
    case "secrets":
      command.addOption(
        repeatable(`--${flag} <value>`, `${description} Other users of the machine may see it.`),
      );
      command.addOption(repeatable(`--${flag}-file <file>`, `File with such lines.`));
      return;
    case "secret":
      command.option(`--${flag} <text>`, `${description} Other users of the machine may see it.`);
      command.option(`--${flag}-file <file>`, `File whose first line is the ${flag}.`);
      return;
    case "file":
      command.option(`--${flag} <file>`, description);
      return;
    case "text":
      command.option(`--${flag} <text>`, description);
  }
}

function repeatable(flags: string, description: string): Option {
  return new Option(flags, `${description} Repeatable.`).argParser(
    (text, before: readonly string[] | undefined) => [...(before ?? []), text],
  );
}

function switchOf(text: string | boolean): boolean {
  if (typeof text === "boolean") return text;
  if (/^(1|on|yes|true)$/i.test(text)) return true;
  if (/^(0|off|no|false)$/i.test(text)) return false;
  throw new InvalidArgumentError("true or false is wanted.");
}

function descriptionOf(name: string): string {
  return optionDescriptions[name] ?? parameterDescriptions[name] ?? "";
}

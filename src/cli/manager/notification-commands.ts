import { createCommand, entryCommands, removeCommand, updateCommand } from "./entry-commands.ts";
import { type ManagerCommand } from "./manager-command.ts";
import { type ManagerOption } from "./manager-options.ts";

const mail = ["mailto", "mailto-user", "from-address", "author"] as const;
const common = ["comment", "disable"] as const;

const endpoints: Readonly<Record<string, readonly ManagerOption[]>> = {
  sendmail: [...mail, ...common],
  smtp: ["server", "port", "mode", "username", "password", ...mail, ...common],
  gotify: ["server", "token", ...common],
  webhook: ["url", "method", "header", "body", "secret", ...common],
};

const matcherOptions = [
  "mode",
  "invert-match",
  "match-field",
  "match-severity",
  "match-calendar",
  "target",
  ...common,
] as const;

/** `notification …` (spec client-cli.md §6). */
export const notificationCommands: readonly ManagerCommand[] = [
  ...Object.entries(endpoints).flatMap(([type, options]) =>
    entriesOf({
      noun: `${type} target`,
      words: `notification endpoint ${type}`,
      path: `config/notifications/endpoints/${type}`,
      columns: ["name", "comment", "disable", "origin"],
      options,
    }),
  ),
  ...entriesOf({
    noun: "matcher",
    words: "notification matcher",
    path: "config/notifications/matchers",
    columns: ["name", "target", "match-severity", "match-field", "comment", "disable"],
    options: matcherOptions,
  }),
  {
    names: "notification target list",
    description: "list the targets of all types",
    method: "GET",
    path: "config/notifications/targets",
    result: { columns: ["name", "type", "comment", "disable", "origin"] },
  },
  {
    names: "notification target test",
    description: "send a notification to one target",
    method: "POST",
    path: "config/notifications/targets/{name}/test",
    args: ["name"],
    result: "nothing",
  },
];

function entriesOf({
  noun,
  words,
  path,
  columns,
  options,
}: {
  readonly noun: string;
  readonly words: string;
  readonly path: string;
  readonly columns: readonly string[];
  readonly options: readonly ManagerOption[];
}): readonly ManagerCommand[] {
  return [
    ...entryCommands({ noun, words, path, id: "name", columns }),
    createCommand(words, path, "name", options),
    updateCommand(words, path, "name", options),
    removeCommand(words, path, "name", "delete"),
  ];
}

import { type ManagerCommand } from "./manager-command.ts";
import { type ManagerOption } from "./manager-options.ts";

/** `list` and `show` of one kind of entry of the configuration. */
export function entryCommands({
  noun,
  words,
  path,
  id,
  columns,
}: {
  readonly noun: string;
  readonly words: string;
  readonly path: string;
  readonly id: string;
  readonly columns: readonly string[];
}): readonly ManagerCommand[] {
  return [
    {
      names: `${words} list`,
      description: `list every ${noun}`,
      method: "GET",
      path,
      result: { columns },
    },
    {
      names: `${words} show`,
      description: `show one ${noun}`,
      method: "GET",
      path: `${path}/{${id}}`,
      args: [id],
      result: "entry",
    },
  ];
}

/** `create` of one kind of entry. */
export function createCommand(
  words: string,
  path: string,
  id: string,
  options: readonly ManagerOption[],
): ManagerCommand {
  const description = "make a new one";
  return {
    names: `${words} create`,
    description,
    method: "POST",
    path,
    args: [id],
    options,
    result: "nothing",
  };
}

/** `update` of one kind of entry. */
export function updateCommand(
  words: string,
  path: string,
  id: string,
  options: readonly ManagerOption[],
): ManagerCommand {
  return {
    names: `${words} update`,
    description: "change one; what is not given stays",
    method: "PUT",
    path: `${path}/{${id}}`,
    args: [id],
    options: [...options, "delete", "digest"],
    result: "nothing",
  };
}

/** Removes one entry; the word for that is `remove` in most places. */
export function removeCommand(
  words: string,
  path: string,
  id: string,
  verb: "remove" | "delete" = "remove",
): ManagerCommand {
  return {
    names: `${words} ${verb}`,
    description: "remove one",
    method: "DELETE",
    path: `${path}/{${id}}`,
    args: [id],
    options: ["digest"],
    result: "nothing",
  };
}

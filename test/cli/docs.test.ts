import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect } from "chai";
import { type Command } from "commander";

import { buildProgram } from "../../src/cli/main.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../docs/cli.md"), "utf8");

/** Every command that does something, with its names from the program down. */
function leaves(command: Command, path: readonly string[]): { names: string; command: Command }[] {
  if (command.commands.length === 0) return [{ names: path.join(" "), command }];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

describe("docs/cli.md", () => {
  it("names every command of the program", async () => {
    const commands = leaves(await buildProgram([]), []).map(({ names }) => names);

    expect(
      commands.filter(
        (names) => !page.includes(`\`${names}\``) && !page.includes(`amber ${names}`),
      ),
    ).to.deep.equal([]);
  });

  it("names every option of every command", async () => {
    const options = leaves(await buildProgram([]), []).flatMap(({ names, command }) =>
      command
        .createHelp()
        .visibleOptions(command)
        .map((option) => option.long ?? option.short ?? "")
        .filter((option) => option !== "--help" && !page.includes(option))
        .map((option) => `${names} ${option}`),
    );

    expect(options).to.deep.equal([]);
  });
});

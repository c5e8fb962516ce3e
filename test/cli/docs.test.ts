import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { expect } from "chai";
import { type Command } from "commander";

import { buildProgram } from "../../src/cli/main.ts";
import { apiDocument } from "../support/api-document.ts";

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

describe("docs/openapi.json", () => {
  it("describes the routes that the server has: npm run openapi", async () => {
    const written = readFileSync(resolve(import.meta.dirname, "../../docs/openapi.json"), "utf8");

    // Compared by its parts, so that a failure names the stale ones.
    const stale = changedPaths(JSON.parse(written), JSON.parse(await apiDocument()));
    expect(stale, "run npm run openapi").to.deep.equal([]);
  });
});

/** Paths whose description differs between two documents. */
function changedPaths(before: unknown, now: unknown): string[] {
  const paths = (document: unknown): Record<string, object> =>
    (document as { paths: Record<string, object> }).paths;
  const all = new Set([...Object.keys(paths(before)), ...Object.keys(paths(now))]);
  return [...all].filter(
    (path) => JSON.stringify(paths(before)[path]) !== JSON.stringify(paths(now)[path]),
  );
}

import { expect } from "chai";
import { Command } from "commander";

import { translateArguments } from "../../../src/cli/official/official-arguments.ts";
import { thrown } from "../../support/thrown.ts";

const aliases = { snapshots: ["snapshot", "list"], forget: ["snapshot", "forget"] };

function program(): Command {
  const root = new Command("client");
  root
    .command("prune")
    .option("--keep-last <n>", "count")
    .option("--dry-run", "look")
    .option("--no-cache", "bypass");
  root.command("protect").argument("<snapshot>").argument("<flag>");
  const snapshot = root.command("snapshot");
  snapshot.command("list").option("--ns <namespace>", "where");
  snapshot.command("forget");
  return root;
}

function translate(...args: string[]): readonly string[] {
  return translateArguments(program(), aliases, args);
}

describe("cli/official/official-arguments", () => {
  const cases: readonly (readonly [what: string, args: string[], result: string[]])[] = [
    [
      "takes options before the command, between operands and behind them",
      ["--ns", "a", "snapshot", "list", "host/x"],
      ["snapshot", "list", "--ns", "a", "--", "host/x"],
    ],
    [
      "takes a value behind an equals sign",
      ["prune", "--keep-last=3", "host/x"],
      ["prune", "--keep-last", "3", "--", "host/x"],
    ],
    [
      "takes a flag without a value",
      ["prune", "--dry-run", "host/x"],
      ["prune", "--dry-run", "--", "host/x"],
    ],
    [
      "takes a flag's value behind it",
      ["prune", "--dry-run", "yes", "host/x"],
      ["prune", "--dry-run", "--", "host/x"],
    ],
    ["leaves out a flag that is false", ["prune", "--dry-run=off"], ["prune"]],
    ["knows a flag that begins with no", ["prune", "--no-cache", "1"], ["prune", "--no-cache"]],
    [
      "leaves a word alone that only looks like a flag's value",
      ["protect", "host/x", "true"],
      ["protect", "--", "host/x", "true"],
    ],
    ["completes a command that only one begins like", ["pru"], ["prune"]],
    ["completes a command below another", ["snap", "f"], ["snapshot", "forget"]],
    ["knows the short-cuts", ["snapshots", "host/x"], ["snapshot", "list", "--", "host/x"]],
    ["completes a short-cut", ["forg"], ["snapshot", "forget"]],
    ["turns help into an option", ["help", "snapshot", "list"], ["snapshot", "list", "--help"]],
    ["turns help alone into an option", ["help"], ["--help"]],
    ["takes everything behind two dashes as it is", ["prune", "--", "--x"], ["prune", "--", "--x"]],
    ["leaves an unknown option to the command", ["prune", "--odd"], ["prune", "--odd"]],
  ];
  for (const [what, args, result] of cases) {
    it(what, () => {
      expect(translate(...args)).to.deep.equal(result);
    });
  }

  const refused: readonly (readonly [what: string, args: string[]])[] = [
    ["a command that does not exist", ["frobnicate"]],
    ["a prefix that two commands begin with", ["pr"]],
    ["a flag with an odd value", ["prune", "--dry-run=maybe"]],
  ];
  for (const [what, args] of refused) {
    it(`refuses ${what} with CLI_USAGE`, () => {
      expect(thrown(() => translate(...args))).to.have.property("code", "CLI_USAGE");
    });
  }
});

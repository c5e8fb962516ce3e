import { type Command } from "commander";

import { type BackupServer } from "../../client/session/backup-server.ts";
import { CliError } from "../cli-error.ts";
import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";
import { wholeNumber } from "../whole-number.ts";

/** Options that say how many snapshots of which kind stay (spec retention-gc-verify-sync.md §1.1). */
const keepOptions = [
  ["keep-last", "keepLast", "the newest snapshots"],
  ["keep-hourly", "keepHourly", "the newest snapshot of each of this many hours"],
  ["keep-daily", "keepDaily", "the newest snapshot of each of this many days"],
  ["keep-weekly", "keepWeekly", "the newest snapshot of each of this many weeks"],
  ["keep-monthly", "keepMonthly", "the newest snapshot of each of this many months"],
  ["keep-yearly", "keepYearly", "the newest snapshot of each of this many years"],
] as const;

type KeepOptions = Readonly<Partial<Record<(typeof keepOptions)[number][1], string>>>;

interface PruneOptions extends ConnectionOptions, NamespaceOption, OutputFormatOptions {
  readonly dryRun?: true;
  readonly quiet?: true;
  readonly explain?: true;
}

/** Adds `amber prune`: removes the snapshots of a group that no rule keeps. */
export function registerPruneCommand(program: Command): void {
  const command = program
    .command("prune")
    .description("remove the snapshots of a group that no --keep option keeps")
    .argument("<group>", "group, as type/id")
    .option("--dry-run", "only say what would be removed")
    .option("--quiet", "show only what is removed")
    .option(
      "--explain",
      "only say what would be removed, and which option keeps what (Amber servers)",
    );
  for (const [name, , meaning] of keepOptions) {
    command.option(`--${name} <count>`, `keep ${meaning}`);
  }
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (text: string, options: PruneOptions & KeepOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { groupParameters, namespaceParameter } =
          await import("../../client/session/list-datastore.ts");
        const { parseBackupGroup } = await import("../../format/snapshot/snapshot-id.ts");
        const { pruneTable } = await import("../prune-table.ts");
        const { tableStyle } = await import("../table.ts");
        if (options.explain === true) await requireExplanations(server, signal);
        const parameters = {
          ...namespaceParameter(await chooseNamespace(options)),
          ...groupParameters(parseBackupGroup(text)),
          ...keepParameters(options),
          ...(options.explain === true ? { explain: true } : {}),
          ...(options.dryRun === true || options.explain === true ? { "dry-run": true } : {}),
        };
        const data = await server.callStore("POST", "prune", parameters, signal);
        const shown = options.quiet === true ? "removed" : "all";
        await printResult(data, options, (list) => pruneTable(list, shown, tableStyle()));
      });
    },
  );
}

/** Other servers refuse the parameter with words that do not name the option. */
async function requireExplanations(server: BackupServer, signal: AbortSignal): Promise<void> {
  const answer = await server.call("GET", "version", {}, signal);
  const repoid =
    typeof answer === "object" && answer !== null && "repoid" in answer && answer.repoid;
  if (typeof repoid === "string" && repoid.startsWith("amber-")) return;
  throw new CliError("CLI_USAGE", "--explain needs an Amber server; --dry-run works with any");
}

function keepParameters(options: KeepOptions): Record<string, number> {
  return Object.fromEntries(
    keepOptions.flatMap(([name, key]) => {
      const text = options[key];
      const limits = { min: 1, max: Number.MAX_SAFE_INTEGER };
      return text === undefined ? [] : [[name, wholeNumber(`--${name}`, text, limits)]];
    }),
  );
}

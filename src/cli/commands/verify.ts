import { type Command, Option } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { addOutputFormatOption, type OutputFormatOptions } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";
import { wholeNumber } from "../whole-number.ts";

interface VerifyOptions extends ConnectionOptions, NamespaceOption, OutputFormatOptions {
  readonly ignoreVerified?: "true" | "false";
  readonly outdatedAfter?: string;
  readonly maxDepth?: string;
}

/** Adds `amber verify`: has the server read stored snapshots again and compare every checksum. */
export function registerVerifyCommand(program: Command): void {
  const command = program
    .command("verify")
    .description("have the server check that snapshots are whole")
    .argument("[group-or-snapshot]", "only this group or snapshot; default is the namespace")
    .addOption(
      new Option(
        "--ignore-verified <flag>",
        "leave out what was verified before; the server's default is true",
      ).choices(["true", "false"]),
    )
    .option("--outdated-after <days>", "verify again what was verified longer ago")
    .option("--max-depth <number>", "levels of namespaces, 0 to 7");
  addOutputFormatOption(addNamespaceOption(addConnectionOptions(command))).action(
    async (text: string | undefined, options: VerifyOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { startTask } = await import("../start-task.ts");
        const { namespaceParameter } = await import("../../client/session/list-datastore.ts");
        const { ignoreVerified, outdatedAfter, maxDepth } = options;
        const parameters = {
          ...namespaceParameter(await chooseNamespace(options)),
          ...(text === undefined ? {} : await subjectParameters(text)),
          ...(ignoreVerified === undefined ? {} : { "ignore-verified": ignoreVerified === "true" }),
          ...(outdatedAfter === undefined
            ? {}
            : {
                "outdated-after": wholeNumber("--outdated-after", outdatedAfter, {
                  min: 0,
                  max: 100_000,
                }),
              }),
          ...(maxDepth === undefined
            ? {}
            : { "max-depth": wholeNumber("--max-depth", maxDepth, { min: 0, max: 7 }) }),
        };
        await startTask(server, { path: "verify", parameters }, { ...options, signal });
      });
    },
  );
}

async function subjectParameters(text: string): Promise<Record<string, string | number>> {
  const { parseBackupGroup, parseSnapshotId } =
    await import("../../format/snapshot/snapshot-id.ts");
  const { groupParameters } = await import("../../client/session/list-datastore.ts");
  if (text.split("/").length !== 3) return groupParameters(parseBackupGroup(text));
  const snapshot = parseSnapshotId(text);
  return { ...groupParameters(snapshot), "backup-time": snapshot.timeSec };
}

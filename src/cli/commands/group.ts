import { type Command } from "commander";

import { CliError } from "../cli-error.ts";
import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { runOnServer } from "../run-on-server.ts";

type ForgetOptions = ConnectionOptions & NamespaceOption & { readonly yes?: true };

/** Adds `amber group forget`: removes a group with all its snapshots. */
export function registerGroupCommand(program: Command): void {
  const group = program.command("group").description("manage backup groups");
  const forget = group
    .command("forget")
    .description("remove a group with all its snapshots that are not protected")
    .argument("<group>", "group, as type/id")
    .option("--yes", "do not ask");
  addNamespaceOption(addConnectionOptions(forget)).action(
    async (text: string, options: ForgetOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { groupParameters, listSnapshots, namespaceParameter } =
          await import("../../client/session/list-datastore.ts");
        const { parseBackupGroup } = await import("../../format/snapshot/snapshot-id.ts");
        const found = parseBackupGroup(text);
        const namespace = await chooseNamespace(options);
        const { length } = await listSnapshots(server, namespace, { group: found, signal });
        if (length === 0) {
          throw new CliError("CLI_NOT_FOUND", `Cannot find a snapshot of group "${text}"`);
        }
        if (options.yes !== true) await confirmRemoval(text, length);
        const parameters = { ...namespaceParameter(namespace), ...groupParameters(found) };
        await server.callStore("DELETE", "groups", parameters, signal);
      });
    },
  );
}

async function confirmRemoval(group: string, count: number): Promise<void> {
  const { askYesOrNo } = await import("../../client/session/terminal-prompts.ts");
  const question = `Remove group "${group}" with ${count} snapshot${count === 1 ? "" : "s"}?`;
  const answer = await askYesOrNo(question);
  if (answer === true) return;
  throw new CliError(
    "CLI_NOT_CONFIRMED",
    answer === undefined
      ? `Cannot remove group "${group}": there is no terminal to ask on, and --yes was not given`
      : `Group "${group}" is left as it is`,
  );
}

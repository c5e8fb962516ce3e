import { type Command } from "commander";

import {
  addConnectionOptions,
  addNamespaceOption,
  chooseNamespace,
  type ConnectionOptions,
  type NamespaceOption,
} from "../connection-options.ts";
import { runOnServer } from "../run-on-server.ts";

/** Adds `amber change-owner`: gives a group to another account. */
export function registerChangeOwnerCommand(program: Command): void {
  const command = program
    .command("change-owner")
    .description("give a group to another user or API token")
    .argument("<group>", "group, as type/id")
    .argument("<new-owner>", "user@realm or user@realm!token");
  addNamespaceOption(addConnectionOptions(command)).action(
    async (text: string, owner: string, options: ConnectionOptions & NamespaceOption) => {
      await runOnServer(options, async (server, signal) => {
        const { groupParameters, namespaceParameter } =
          await import("../../client/session/list-datastore.ts");
        const { parseAuthId } = await import("../../format/snapshot/auth-id.ts");
        const { parseBackupGroup } = await import("../../format/snapshot/snapshot-id.ts");
        const parameters = {
          ...namespaceParameter(await chooseNamespace(options)),
          ...groupParameters(parseBackupGroup(text)),
          "new-owner": parseAuthId(owner),
        };
        await server.callStore("POST", "change-owner", parameters, signal);
      });
    },
  );
}

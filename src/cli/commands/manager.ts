import { type Command } from "commander";

import { addManagerCommands } from "../manager/add-manager-commands.ts";

/** Adds `amber manager …`: administration of a server, from its own machine or with a login. */
export function registerManagerCommand(program: Command): void {
  const manager = program
    .command("manager")
    .description("administer the server: users, roles, datastores, jobs, certificate");
  addManagerCommands(manager);
}

import { type Command } from "commander";

import { CliError } from "../cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "../connection-options.ts";
import { programStyle } from "../official/personality.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { runOnServer } from "../run-on-server.ts";
import { wholeNumber } from "../whole-number.ts";

/** Adds `amber namespace …`: listing, making and removing namespaces. */
export function registerNamespaceCommand(program: Command): void {
  const namespace = program.command("namespace").description("list and manage namespaces");
  addListCommand(namespace);
  addCreateCommand(namespace);
  addDeleteCommand(namespace);
}

type ListOptions = ConnectionOptions & OutputFormatOptions & { readonly maxDepth?: string };

function addListCommand(parent: Command): void {
  const command = parent
    .command("list")
    .description("list namespaces, one a line")
    .argument("[namespace]", "only those below this one")
    .option("--max-depth <number>", "how many levels, 0 to 7");
  addOutputFormatOption(addConnectionOptions(command)).action(
    async (text: string | undefined, options: ListOptions) => {
      await runOnServer(options, async (server, signal) => {
        const { parseNamespace } = await import("../../format/snapshot/namespace.ts");
        const { namespaceNames } = await import("../../client/session/list-datastore.ts");
        const parameters = {
          ...(text === undefined ? {} : { parent: parseNamespace(text) }),
          ...(options.maxDepth === undefined
            ? {}
            : { "max-depth": wholeNumber("--max-depth", options.maxDepth, { min: 0, max: 7 }) }),
        };
        const data = await server.callStore("GET", "namespace", parameters, signal);
        // Only here the official client prints the whole answer.
        const result = programStyle() === "official" ? { data } : data;
        await printResult(result, options, () =>
          namespaceNames(data)
            .map((name) => (name === "" ? "" : `${name}\n`))
            .join(""),
        );
      });
    },
  );
}

function addCreateCommand(parent: Command): void {
  const command = parent
    .command("create")
    .description("make a namespace below one that exists")
    .argument("<namespace>", "its whole name, like a/b/c");
  addConnectionOptions(command).action(async (text: string, options: ConnectionOptions) => {
    await runOnServer(options, async (server, signal) => {
      const { namespaceComponents, parseNamespace } =
        await import("../../format/snapshot/namespace.ts");
      const components = namespaceComponents(parseNamespace(text));
      const parameters = {
        name: components.at(-1) ?? "",
        parent: components.slice(0, -1).join("/"),
      };
      try {
        await server.callStore("POST", "namespace", parameters, signal);
      } catch (cause) {
        const { ApiError } = await import("../../client/session/api-error.ts");
        // Under the official name, the server's words are all there is.
        if (!(cause instanceof ApiError) || programStyle() === "official") throw cause;
        const place = parameters.parent === "" ? "the root" : `"${parameters.parent}"`;
        const message = `Cannot create namespace "${parameters.name}" in ${place}`;
        throw new CliError("CLI_NOT_FOUND", message, { cause });
      }
    });
  });
}

function addDeleteCommand(parent: Command): void {
  const command = parent
    .command("delete")
    .description("remove a namespace and the empty ones below it")
    .argument("<namespace>", "its whole name, like a/b/c")
    .option("--delete-groups", "also remove all snapshots in it that are not protected");
  addConnectionOptions(command).action(
    async (text: string, options: ConnectionOptions & { readonly deleteGroups?: true }) => {
      await runOnServer(options, async (server, signal) => {
        const { parseNamespace } = await import("../../format/snapshot/namespace.ts");
        const parameters = {
          ns: parseNamespace(text),
          ...(options.deleteGroups === true ? { "delete-groups": true } : {}),
        };
        await server.callStore("DELETE", "namespace", parameters, signal);
      });
    },
  );
}

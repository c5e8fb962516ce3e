import { type Command, Option } from "commander";

import type { BackupServer } from "../client/session/backup-server.ts";
import type { ConnectServerOptions } from "../client/session/connect-server.ts";
import type { Namespace } from "../format/snapshot/namespace.ts";
import { CliError } from "./cli-error.ts";
import { programStyle } from "./official/personality.ts";

/** Options of every command that talks to a server. */
export interface ConnectionOptions {
  readonly repository?: string;
  readonly server?: string;
  readonly port?: string;
  readonly datastore?: string;
  readonly authId?: string;
}

/** Option of every command that names something inside a datastore. */
export interface NamespaceOption {
  readonly ns?: string;
}

/** Adds the options that choose a repository (spec auth.md §11.1). */
export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--repository <repository>", "[[user@realm[!token]@]host:][port:]datastore"),
    )
    .option("--server <host>", "server, instead of --repository")
    .option("--port <number>", "port, instead of --repository")
    .option("--datastore <name>", "datastore, instead of --repository")
    .option("--auth-id <id>", "user or API token, instead of --repository");
}

/** Adds `--ns`. */
export function addNamespaceOption(command: Command): Command {
  return command.option("--ns <namespace>", "namespace; default is PBS_NAMESPACE, then the root");
}

/** The namespace that a command works in: `--ns` wins, also when it is empty (spec auth.md §11.1). */
export async function chooseNamespace(options: NamespaceOption): Promise<Namespace> {
  const { readClientConfig } = await import("../client/config.ts");
  const { parseNamespace } = await import("../format/snapshot/namespace.ts");
  return parseNamespace(options.ns ?? readClientConfig().namespace ?? "");
}

/**
 * Prepares the server that a command works with, and disposes it when `use` has ended; connects nothing by itself.
 *
 * A callback and not `using` in the commands: the compiler leaves the `.ts` of dynamic imports alone in a block with
 * `using`.
 *
 * @throws {SessionError} without a usable repository or secret.
 */
export async function withServer<Result>(
  options: ConnectionOptions & NamespaceOption,
  use: (server: BackupServer) => Promise<Result>,
): Promise<Result> {
  const { connectServer } = await import("../client/session/connect-server.ts");
  const server = await connectServer(await connectOptions(options));
  try {
    return await use(server);
  } catch (error) {
    throw await namingNamespace(error, options);
  } finally {
    server[Symbol.dispose]();
  }
}

/**
 * Names the namespace in a failure: of one that is not there, servers only say that there is no such file (spec rest-api.md §12).
 * Under an official name, the server's words are all there is.
 */
export async function namingNamespace(error: unknown, options: NamespaceOption): Promise<unknown> {
  const { ApiError } = await import("../client/session/api-error.ts");
  if (!(error instanceof ApiError) || !error.message.startsWith("ENOENT:")) return error;
  const namespace = await chooseNamespace(options);
  if (namespace === "" || programStyle() === "official") return error;
  const message = `Cannot find namespace "${namespace}", or what was asked for in it`;
  return new CliError("CLI_NOT_FOUND", message, { cause: error });
}

/**
 * Whether arguments or environment say anything about a repository, for commands that do without one; {@link connectOptions}
 * then says whether it is usable.
 */
export async function isRepositoryGiven(options: ConnectionOptions): Promise<boolean> {
  const { readClientConfig } = await import("../client/config.ts");
  const { readSetting } = await import("../client/session/read-setting.ts");
  const { repository, server, port, datastore, authId } = options;
  const config = readClientConfig();
  const given = [repository, server, port, datastore, authId];
  if (given.some((text) => text !== undefined)) return true;
  if (Object.keys(config.repositoryParts).length > 0) return true;
  return (await readSetting(config.repository, "repository")) !== undefined;
}

/** Everything about a connection that comes from arguments, environment and terminal. */
export async function connectOptions(options: ConnectionOptions): Promise<ConnectServerOptions> {
  const { readClientConfig } = await import("../client/config.ts");
  const { readSetting } = await import("../client/session/read-setting.ts");
  const { resolveRepository } = await import("../client/session/repository.ts");
  const { terminalPrompts } = await import("../client/session/terminal-prompts.ts");
  const { systemClock } = await import("../format/clock.ts");
  const { repository: option, server, port, datastore, authId } = options;
  const config = readClientConfig();
  const variable = await readSetting(config.repository, "repository");
  const prompts = terminalPrompts();
  return {
    repository: resolveRepository({
      ...(option === undefined ? {} : { option }),
      optionParts: {
        ...(server === undefined ? {} : { server }),
        ...(port === undefined ? {} : { port }),
        ...(datastore === undefined ? {} : { datastore }),
        ...(authId === undefined ? {} : { authId }),
      },
      ...(variable === undefined ? {} : { variable: variable.trim() }),
      variableParts: config.repositoryParts,
    }),
    config,
    clock: systemClock,
    ...(prompts ? { prompts } : {}),
  };
}

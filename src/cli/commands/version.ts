import { type Command } from "commander";

import { addConnectionOptions, type ConnectionOptions, withServer } from "../connection-options.ts";
import { commandLog } from "../log.ts";
import { programStyle } from "../official/personality.ts";
import { addOutputFormatOption, type OutputFormatOptions, printResult } from "../output-format.ts";
import { readProgramVersion } from "../program-version.ts";
import { describeFailure, runCommand } from "../run-command.ts";
import { visibleLine } from "../visible-text.ts";

type VersionOptions = ConnectionOptions & OutputFormatOptions & { readonly verbose?: true };

/** Adds `amber version`: this program's version, with `--verbose` what it runs on, and a server's if one is named. */
export function registerVersionCommand(program: Command): void {
  const command = program
    .command("version")
    .description("print the version of this program, of what it runs on, and of a server")
    .option("--verbose", "also print Node.js, native bindings and libraries");
  addOutputFormatOption(addConnectionOptions(command)).action(async (options: VersionOptions) => {
    await runCommand(async (signal) => {
      if (programStyle() === "official") await printOfficialVersions(options, signal);
      else await printVersions(options, signal);
    });
  });
}

async function printVersions(options: VersionOptions, signal: AbortSignal): Promise<void> {
  const facts: Record<string, string> = { client: await readProgramVersion() };
  if (options.verbose === true) {
    const { readRuntimeVersions } = await import("../runtime-versions.ts");
    Object.assign(facts, await readRuntimeVersions());
  }
  const { repository, server, datastore } = options;
  if (repository !== undefined || server !== undefined || datastore !== undefined) {
    facts["server"] = versionText(await askServer(options, signal));
  }
  await printResult(facts, options, () =>
    Object.entries(facts)
      .map(([name, value]) =>
        name === "client" || name === "server"
          ? `${name} version: ${value}\n`
          : `${name}: ${value}\n`,
      )
      .join(""),
  );
}

/** A server that cannot be asked is no failure there (spec client-cli.md §2.3). */
async function printOfficialVersions(options: VersionOptions, signal: AbortSignal): Promise<void> {
  const { EMULATED_VERSION } = await import("../../format/emulated-version.ts");
  const { release, version } = EMULATED_VERSION;
  const client = { release, repoid: `amber-${await readProgramVersion()}`, version };
  const server = await askServer(options, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    commandLog.line("error", describeFailure(error));
    return undefined;
  });
  const versions = { client, server: server ?? null };
  await printResult(versions, options, () => {
    const lines = [`client version: ${versionText(client)}\n`];
    if (server !== undefined) lines.push(`server version: ${versionText(server)}\n`);
    return lines.join("");
  });
}

async function askServer(options: VersionOptions, signal: AbortSignal): Promise<unknown> {
  return await withServer(
    options,
    async (server) => await server.call("GET", "version", {}, signal),
  );
}

/** `3.2` and `4` are `3.2.4`. */
function versionText(parts: unknown): string {
  const members = new Map<string, unknown>(Object.entries(parts ?? {}));
  return visibleLine(`${String(members.get("version"))}.${String(members.get("release"))}`);
}

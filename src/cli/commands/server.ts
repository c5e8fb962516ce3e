import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { type Command, Option } from "commander";

import { CliError } from "../cli-error.ts";
import { LISTENING_FILE } from "../listening-file.ts";
import { runCommand } from "../run-command.ts";
import { addOutputFormatOption, type OutputFormatOptions, renderJson } from "../output-format.ts";
import { readProgramVersion } from "../program-version.ts";

interface ServerOptions extends OutputFormatOptions {
  readonly config?: string;
  readonly datastore: readonly string[];
  readonly listen: string;
  readonly admin: string;
  readonly adminPasswordFile?: string;
  readonly readyFile?: string;
  readonly sessionGrace: string;
  readonly chunkFolders: "in-background" | "on-demand";
  readonly logLevel: "error" | "warn" | "info" | "debug" | "trace";
  readonly logFormat: "text" | "json";
}

/** Adds `amber server`: runs the backup server until it is asked to end. */
export function registerServerCommand(program: Command): void {
  const command = program
    .command("server")
    .description("run a backup server that official and other clients can use")
    .option("--config <dir>", "configuration folder (default: /etc/amber or ~/.config/amber)")
    .option(
      "--datastore <name=path>",
      "serve the datastore in PATH, created if missing or empty; repeatable",
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option("--listen <host:port>", "address to listen on, port 0 for any free one", ":::8007")
    .option("--admin <user>", "administrator, created on first start", "admin@pbs")
    .option(
      "--admin-password-file <file>",
      "take the administrator's first password from a file (or AMBER_ADMIN_PASSWORD)",
    )
    .option("--ready-file <file>", "write address and fingerprint as JSON when requests are served")
    .option(
      "--session-grace <seconds>",
      "how long running sessions may go on after a request to end, before they are cut",
      "30",
    )
    .addOption(
      new Option(
        "--chunk-folders <when>",
        "when the 65536 folders of a datastore's chunks are made",
      )
        .choices(["in-background", "on-demand"])
        .default("in-background"),
    )
    .addOption(
      new Option("--log-level <level>", "what to log")
        .choices(["error", "warn", "info", "debug", "trace"])
        .default("info"),
    )
    .addOption(
      new Option("--log-format <format>", "how to log")
        .choices(["text", "json"])
        .default(process.stderr.isTTY ? "text" : "json"),
    );
  addOutputFormatOption(command).action(async (options: ServerOptions) => {
    await runCommand(
      async (signal) => {
        await runServer(options, signal);
      },
      { whenOutputCloses: "go-on" },
    );
  });
}

async function runServer(options: ServerOptions, signal: AbortSignal): Promise<void> {
  const [{ startServer }, config, { makeServerLog }, { systemClock }, remote, { everyMinute }] =
    await Promise.all([
      import("../../server/main.ts"),
      import("../../server/config.ts"),
      import("../../server/server-log.ts"),
      import("../../format/clock.ts"),
      import("../remote-access.ts"),
      import("../../server/jobs/every-minute.ts"),
    ]);
  const adminPassword = await firstPassword(options, config.adminPasswordFromEnvironment());
  const settings = config.readServerConfig(options);
  const server = await startServer(settings, {
    clock: systemClock,
    logger: makeServerLog({
      level: options.logLevel,
      form: options.logFormat,
      write: (line) => process.stderr.write(line),
    }),
    remotes: remote.remoteAccess(systemClock),
    everyMinute: everyMinute(systemClock),
    product: { name: "amber", version: await readProgramVersion() },
    ...(adminPassword === undefined ? {} : { adminPassword }),
  });
  try {
    const { url, port, fingerprint, createdAdmin } = server;
    const ready = {
      event: "ready",
      url,
      port,
      fingerprint,
      pid: process.pid,
      ...(createdAdmin === undefined ? {} : { admin: createdAdmin }),
    };
    if (options.outputFormat === "text") process.stdout.write(readyText(ready));
    else process.stdout.write(renderJson(ready, "json"));
    const listening = { host: settings.listen.host, port };
    await announce(join(settings.stateDirectory, LISTENING_FILE), listening);
    if (options.readyFile !== undefined) {
      await announce(options.readyFile, { url, port, fingerprint, pid: process.pid });
    }
    const onHangUp = (): void => {
      server.reload().catch((error: unknown) => {
        process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
      });
    };
    process.on("SIGHUP", onHangUp);
    await aborted(signal);
    process.off("SIGHUP", onHangUp);
  } finally {
    await server.close();
  }
}

async function firstPassword(
  options: ServerOptions,
  fromEnvironment: string | undefined,
): Promise<string | undefined> {
  if (options.adminPasswordFile === undefined) return fromEnvironment;
  const [line = ""] = (await passwordText(options.adminPasswordFile)).split("\n");
  if (line === "") {
    throw new CliError("CLI_USAGE", `Cannot use "${options.adminPasswordFile}": it is empty`);
  }
  return line;
}

async function passwordText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CliError("CLI_USAGE", `Cannot read --admin-password-file "${path}"`, { cause });
  }
}

function readyText(ready: {
  readonly port: number;
  readonly fingerprint: string;
  readonly admin?: { readonly user: string; readonly password?: string };
}): string {
  const lines = [`listening on port ${ready.port}`, `fingerprint ${ready.fingerprint}`];
  const { admin } = ready;
  if (admin?.password !== undefined) {
    lines.push(`created ${admin.user} with password ${admin.password} (shown only once)`);
  } else if (admin) lines.push(`created ${admin.user}`);
  return `${lines.join("\n")}\n`;
}

/** Whoever waits for the file sees it whole. */
async function announce(path: string, ready: unknown): Promise<void> {
  await writeFile(`${path}.tmp`, `${JSON.stringify(ready)}\n`);
  await rename(`${path}.tmp`, path);
}

/** Waits for the request to end, which is how every run of a server ends well. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}

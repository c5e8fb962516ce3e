import { readFile } from "node:fs/promises";

import { type BackupServer } from "../../client/session/backup-server.ts";
import { connectServer } from "../../client/session/connect-server.ts";
import { type QueryValue } from "../../client/session/answer-to.ts";
import { CliError } from "../cli-error.ts";
import { shownOn } from "../visible-text.ts";
import { connectOptions } from "../connection-options.ts";
import { followTask } from "../follow-task.ts";
import { type OutputFormatOptions, renderJson } from "../output-format.ts";
import { type ManagerCommand } from "./manager-command.ts";
import { managerOptions, type ManagerOption, type OptionKind } from "./manager-options.ts";
import { openLocalServer } from "./open-local-server.ts";
import { resultText } from "./result-text.ts";

/** Options of every command of the manager. */
export interface ManagerRunOptions extends OutputFormatOptions {
  readonly config?: string;
  readonly repository?: string;
}

/**
 * Runs one command: makes its call, prints the answer.
 *
 * @param args By position.
 * @throws {CliError} {@link CliError}; `ApiError`, `SessionError`.
 */
export async function runManagerCommand(
  command: ManagerCommand,
  args: readonly string[],
  options: ManagerRunOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { outputFormat, signal } = options;
  const { path, parameters } = await callOf(command, args, options);
  const server =
    options.repository === undefined
      ? await openLocalServer(options.config)
      : await connectServer(await connectOptions({ repository: options.repository }));
  try {
    const data = await server.call(command.method, path, parameters, signal);
    if (command.result === "task") await printTask(server, data, options);
    else if (outputFormat !== "text") process.stdout.write(renderJson(data, outputFormat));
    else if (command.result === "log") {
      await followTask(server, args[0] ?? "", { purpose: "watch", signal });
    } else process.stdout.write(shownOn(process.stdout, resultText(command.result, data)));
  } finally {
    server[Symbol.dispose]();
  }
}

async function printTask(
  server: BackupServer,
  upid: unknown,
  { outputFormat, signal }: OutputFormatOptions & { readonly signal: AbortSignal },
): Promise<void> {
  if (outputFormat !== "text") process.stdout.write(renderJson(upid, outputFormat));
  else if (typeof upid === "string") await followTask(server, upid, { purpose: "run", signal });
}

/** Path and parameters of the call; arguments go where the path has their names, else with the parameters. */
async function callOf(
  { path, args = [], options = [], fixed = {} }: ManagerCommand,
  texts: readonly string[],
  given: object,
): Promise<{ readonly path: string; readonly parameters: Readonly<Record<string, QueryValue>> }> {
  const parameters: Record<string, QueryValue> = { ...fixed };
  let url = path;
  args.forEach((name, i) => {
    const text = texts[i] ?? "";
    if (path.includes(`{${name}}`)) url = url.replace(`{${name}}`, encodeURIComponent(text));
    else parameters[name] = text;
  });
  for (const name of options) {
    const value = await valueOf(name, new Map(Object.entries(given)));
    if (value !== undefined) parameters[name === "delete-entry" ? "delete" : name] = value;
  }
  return { path: url, parameters };
}

async function valueOf(
  name: ManagerOption,
  given: ReadonlyMap<string, unknown>,
): Promise<QueryValue | undefined> {
  const value = given.get(camelCase(name === "delete-entry" ? "delete" : name));
  const kind: OptionKind = managerOptions[name];
  if (kind === "file") {
    return typeof value === "string" ? await readFile(value, "utf8") : undefined;
  }
  if (kind === "secrets") {
    const files = given.get(camelCase(`${name}-file`));
    if (!Array.isArray(files)) return plain(value);
    const inFiles = await Promise.all(files.map(async (path) => await lines(String(path))));
    return [...(Array.isArray(value) ? value.map(String) : []), ...inFiles.flat()];
  }
  const file = kind === "secret" ? given.get(camelCase(`${name}-file`)) : undefined;
  return typeof file === "string" ? await firstLine(file) : plain(value);
}

function plain(value: unknown): QueryValue | undefined {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return Array.isArray(value) ? value.map(String) : undefined;
}

async function firstLine(path: string): Promise<string> {
  const [line = ""] = await lines(path);
  return line;
}

/** Lines of a file, without empty ones at its end. */
async function lines(path: string): Promise<readonly string[]> {
  const text = (await readFile(path, "utf8")).replace(/[\r\n]+$/, "");
  const [first = "", ...more] = text.split(/\r?\n/);
  if (first === "") throw new CliError("CLI_USAGE", `Cannot use "${path}": it is empty`);
  return [first, ...more];
}

/** Name under which commander keeps an option. */
function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

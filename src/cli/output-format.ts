import { type Command, Option } from "commander";

import { shownOn } from "./visible-text.ts";

/** Values of `--output-format`. */
export const outputFormats = ["text", "json", "json-pretty"] as const;

/** One of {@link outputFormats}. */
export type OutputFormat = (typeof outputFormats)[number];

/** Options of a command that {@link addOutputFormatOption} was applied to. */
export interface OutputFormatOptions {
  /** Text tables for people, or the API's data as JSON. */
  readonly outputFormat: OutputFormat;
}

/** Adds `--output-format`, whose default is `PROXMOX_OUTPUT_FORMAT`, then `text` (spec client-cli.md §1). */
export function addOutputFormatOption(command: Command): Command {
  return command.addOption(
    new Option("--output-format <format>", "how results are printed")
      .choices(outputFormats)
      .env("PROXMOX_OUTPUT_FORMAT")
      .default("text"),
  );
}

/** Renders `data` as JSON with a line end: one line, or indented by two spaces. */
export function renderJson(data: unknown, format: "json" | "json-pretty"): string {
  return `${JSON.stringify(data ?? null, undefined, format === "json" ? 0 : 2)}\n`;
}

/**
 * Writes a result to standard output: `data` as JSON, or what `renderText` makes of it, which does nothing to a terminal but
 * show.
 */
export async function printResult<Data>(
  data: Data,
  { outputFormat }: OutputFormatOptions,
  renderText: (data: Data) => string | Promise<string>,
): Promise<void> {
  process.stdout.write(
    outputFormat === "text"
      ? shownOn(process.stdout, await renderText(data))
      : renderJson(data, outputFormat),
  );
}

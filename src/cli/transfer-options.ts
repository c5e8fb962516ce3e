import { type Command } from "commander";

import { parseSizeText } from "../format/bytes/size-text.ts";
import { CliError } from "./cli-error.ts";
import type { RateLimit } from "../chunks/rate-limit.ts";

/** Options that bound how fast a command transfers data. */
export interface RateOptions {
  readonly rate?: string;
  readonly burst?: string;
}

/** Lowest rate and burst (spec client-cli.md §2.1). */
const RATE_MIN = 100_000;
const BURST_MIN = 1000;

/** Adds `--rate` and `--burst`. */
export function addRateOptions(command: Command): Command {
  return command
    .option("--rate <bytes>", "bytes per second, for example 50MB")
    .option("--burst <bytes>", "bytes that may go at once after a pause; default is one second's");
}

/** Makes the limit that the options ask for, `undefined` without any. */
export async function chooseRateLimit(
  options: RateOptions,
  signal: AbortSignal,
): Promise<RateLimit | undefined> {
  if (options.rate === undefined) {
    if (options.burst === undefined) return undefined;
    throw new CliError("CLI_USAGE", "Cannot use --burst without --rate");
  }
  const { RateLimit: Limit } = await import("../chunks/rate-limit.ts");
  const bytesPerSec = parseSize("--rate", options.rate, RATE_MIN);
  const burstBytes =
    options.burst === undefined ? bytesPerSec : parseSize("--burst", options.burst, BURST_MIN);
  return new Limit({ bytesPerSec, burstBytes, nowMs: () => performance.now(), signal });
}

/**
 * Parses a size of a command line; see `parseSizeText`.
 *
 * @throws {CliError} `CLI_USAGE`.
 */
export function parseSize(option: string, text: string, min: number): number {
  const size = parseSizeText(text);
  if (size !== undefined && size >= min) return size;
  throw new CliError("CLI_USAGE", `Cannot use "${text}" for ${option}: a size of at least ${min}`);
}

import { CliError } from "./cli-error.ts";

/**
 * Parses the value of an option that takes a whole number from `min` to `max`.
 *
 * @throws {CliError} `CLI_USAGE`.
 */
export function wholeNumber(
  option: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CliError(
    "CLI_USAGE",
    `Cannot use "${text}" for ${option}: a whole number from ${min} to ${max}`,
  );
}

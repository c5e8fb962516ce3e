import { exitCodes } from "../run-command.ts";

/** The one status of the official programs for everything that went wrong (spec client-cli.md §1). */
const OFFICIAL_FAILURE = 255;

/**
 * Turns an exit status of ours into the official one.
 *
 * A backup that could not read some files counts as done, as it does there.
 */
export function officialExitStatus(status: number | string | null | undefined): number {
  const isDone = status === undefined || status === null || Number(status) === exitCodes.ok;
  return isDone || status === exitCodes.incomplete ? exitCodes.ok : OFFICIAL_FAILURE;
}

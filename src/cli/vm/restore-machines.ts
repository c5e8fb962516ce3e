import { readdir } from "node:fs/promises";

import { vmProcess } from "../../client/vm/vm-process.ts";
import { CliError } from "../cli-error.ts";
import { FILES_FOLDER_PREFIX } from "./snapshot-files.ts";

/** A small virtual machine that reads file systems in images for `file-restore`. */
export interface RestoreMachine {
  /** Number of its process. */
  readonly name: string;
  /** Images that it has open. */
  readonly images: readonly string[];
}

/** The machines that run: of commands under way, and those left behind by commands that were killed. */
export async function listRestoreMachines(): Promise<readonly RestoreMachine[]> {
  const machines: RestoreMachine[] = [];
  for (const name of (await readdir("/proc")).filter((one) => /^\d+$/.test(one))) {
    const [program, ...args] = (await vmProcess(Number(name)))?.commandLine ?? [];
    if (program !== "guestfish" || !args.includes("--listen")) continue;
    const images = args.filter((arg) => arg.includes(`/${FILES_FOLDER_PREFIX}`));
    if (images.length > 0) machines.push({ name, images });
  }
  return machines;
}

/**
 * Ends a machine; the command that uses it fails.
 *
 * @throws {CliError} `CLI_NOT_FOUND` for a name that {@link listRestoreMachines} does not have; the system's refusal.
 */
export async function stopRestoreMachine(name: string): Promise<void> {
  const found = (await listRestoreMachines()).find((machine) => machine.name === name);
  if (!found) throw new CliError("CLI_NOT_FOUND", `Cannot stop "${name}": no such machine runs`);
  process.kill(Number(found.name), "SIGTERM");
}

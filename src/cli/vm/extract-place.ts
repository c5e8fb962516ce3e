import { lstat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { extractFiles, type Extracted } from "../../client/vm/extract-files.ts";
import { CliError } from "../cli-error.ts";
import { type SnapshotPlace } from "./snapshot-files.ts";

/**
 * Extracts an entry: to standard output for `-`, into a directory that is there, else to the new path.
 *
 * @throws {CliError} `CLI_USAGE` for a directory that is to go to standard output; `RestoreError`.
 */
export async function extractPlace(
  { tree, entry }: SnapshotPlace & { readonly kind: "entry" },
  target: string,
): Promise<Extracted> {
  if (target === "-") {
    if (entry.kind !== "file") {
      throw new CliError("CLI_USAGE", "Cannot write to standard output: it is no file");
    }
    await pipeline(tree.read(entry), process.stdout, { end: false });
    return { files: 1, bytes: entry.size, leftOut: [] };
  }
  const status = await lstat(target).catch(() => undefined);
  const name = entry.name === "" ? "root" : basename(entry.name);
  return await extractFiles(
    tree,
    entry,
    status?.isDirectory() === true ? join(target, name) : target,
  );
}

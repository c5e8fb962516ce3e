import { lstat } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";

import { writeNewFile } from "../../client/restore/new-image-file.ts";
import { extractFiles, type Extracted } from "../../client/vm/extract-files.ts";
import { packFiles, type PackedFormat } from "../../client/vm/pack-files.ts";
import { CliError } from "../cli-error.ts";
import { type SnapshotPlace } from "./snapshot-place.ts";

/** How entries are written: as they are, or packed. */
export type ExtractFormat = "plain" | PackedFormat;

type Entry = SnapshotPlace & { readonly kind: "entry" };

/**
 * Extracts an entry: to standard output for `-`, into a directory that is there, else to the new path.
 *
 * A packed file has its name only when it is whole; meanwhile it is called `NAME.partial`.
 *
 * @throws {CliError} `CLI_USAGE` for a directory that is to go to standard output as it is; `RestoreError`.
 */
export async function extractPlace(
  place: Entry,
  target: string,
  format: ExtractFormat,
): Promise<Extracted> {
  const { tree, entry } = place;
  const name = entry.name === "" ? "root" : basename(entry.name);
  if (format !== "plain") return await packPlace(place, { target, name, format });
  if (target === "-") {
    if (entry.kind !== "file") {
      const hint = "--format tar or zip makes one of it";
      throw new CliError("CLI_USAGE", `Cannot write to standard output: it is no file; ${hint}`);
    }
    await pipeline(tree.read(entry), process.stdout, { end: false });
    return { files: 1, bytes: entry.size, leftOut: [] };
  }
  return await extractFiles(tree, entry, await placeFor(target, name));
}

async function packPlace(
  { tree, entry }: Entry,
  {
    target,
    name,
    format,
  }: { readonly target: string; readonly name: string; readonly format: PackedFormat },
): Promise<Extracted> {
  const packed = packFiles(tree, entry, format);
  if (target !== "-") {
    const path = await placeFor(target, `${name}.${format}`);
    const bytes = await writeNewFile(path, packed, "refuse");
    return { files: 1, bytes, leftOut: [] };
  }
  let bytes = 0;
  packed.on("data", (piece: Buffer) => (bytes += piece.length));
  await pipeline(packed, process.stdout, { end: false });
  return { files: 1, bytes, leftOut: [] };
}

/** Nothing that is there is overwritten: making it fails then. */
async function placeFor(target: string, name: string): Promise<string> {
  const status = await lstat(target).catch(() => undefined); // Making it says what is wrong.
  return status?.isDirectory() === true ? join(target, name) : target;
}

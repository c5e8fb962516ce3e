import { mkdir, writeFile } from "node:fs/promises";
import { tempDir } from "./temp-dir.ts";

/** A folder laid out as an empty datastore, but for the chunk folders, which are made when needed. */
export async function emptyDatastore(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await tempDir();
  await mkdir(`${folder.path}/.chunks`, 0o750);
  await writeFile(`${folder.path}/.lock`, "");
  return folder;
}

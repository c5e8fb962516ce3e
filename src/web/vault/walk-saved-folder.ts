import { type VaultEntry, type VaultFolder } from "./vault-messages.ts";

/** A folder that becomes one file: which, and how it and the files in it are read. */
export interface SavedFolder {
  /** Identity of the folder. */
  readonly id: string;
  /** A folder with its entries, by its identity. */
  describe(id: string): Promise<VaultFolder>;
  /** Bytes of a file, or of the file that a hard link names. */
  contentOf(file: VaultEntry): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** One entry of a folder that becomes one file. */
export interface SavedEntry {
  /** From the folder's parent, so that it begins with the folder's own name; at the root of an archive, without one. */
  readonly path: string;
  readonly entry: VaultEntry;
}

/**
 * Everything below a folder in archive order, parents first, the folder itself first of all unless it is the root.
 *
 * Hard links so come after their files. Names that are not UTF-8 have replacement characters.
 * Memory: the entries of the folders on the way to the one that is being read.
 */
export async function* walkSavedFolder(saved: SavedFolder): AsyncGenerator<SavedEntry, void, void> {
  const { own, entries } = await saved.describe(saved.id);
  if (own.name !== "") yield { path: own.name, entry: own };
  const levels = [{ path: own.name, rest: entries.values() }];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const next = level.rest.next();
    if (next.done === true) {
      levels.pop();
      continue;
    }
    const entry = next.value;
    const path = level.path === "" ? entry.name : `${level.path}/${entry.name}`;
    yield { path, entry };
    if (entry.type === "d") {
      levels.push({ path, rest: (await saved.describe(entry.id)).entries.values() });
    }
  }
}

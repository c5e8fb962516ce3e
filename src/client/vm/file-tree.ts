/** An entry of a {@link FileTree}. */
export interface TreeEntry {
  /** Empty for the root. */
  readonly name: string;
  readonly kind: "directory" | "file" | "symlink" | "other";
  /** Bytes of a file. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
}

/** Files that can be listed and read without being mounted. Entries are known to the tree that listed them. */
export interface FileTree {
  readonly root: TreeEntry;
  /** Entries of a directory, without itself and its parent; no name has a slash in it. */
  list(directory: TreeEntry): Promise<readonly TreeEntry[]>;
  /** Content of a file; of a symbolic link where it leads. */
  read(entry: TreeEntry): AsyncIterable<Uint8Array>;
}

/** The entry at a path; `undefined` when there is none. */
export async function findEntry(
  tree: FileTree,
  path: readonly string[],
): Promise<TreeEntry | undefined> {
  let found = tree.root;
  for (const name of path) {
    if (found.kind !== "directory") return undefined;
    const next = (await tree.list(found)).find((entry) => entry.name === name);
    if (!next) return undefined;
    found = next;
  }
  return found;
}

import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";

import { type FileTree, type TreeEntry } from "./file-tree.ts";

/** A folder of this machine, such as an archive in a mount. */
export class FolderFiles implements FileTree {
  readonly root: TreeEntry = { name: "", kind: "directory", size: 0, mode: 0o755 };
  readonly #paths = new WeakMap<TreeEntry, string>();

  constructor(folder: string) {
    this.#paths.set(this.root, folder);
  }

  async list(directory: TreeEntry): Promise<readonly TreeEntry[]> {
    const folder = this.#pathOf(directory);
    const entries: TreeEntry[] = [];
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const status = await lstat(path);
      const special = status.isSymbolicLink() ? "symlink" : "other";
      const plain = status.isFile() ? "file" : special;
      const kind = status.isDirectory() ? "directory" : plain;
      const entry = { name, kind, size: status.size, mode: status.mode & 0o777 } as const;
      this.#paths.set(entry, path);
      entries.push(entry);
    }
    return entries;
  }

  async *read(entry: TreeEntry): AsyncGenerator<Uint8Array, void, void> {
    const path = this.#pathOf(entry);
    if (entry.kind === "symlink") yield await readlink(path, { encoding: "buffer" });
    else {
      for await (const piece of createReadStream(path))
        if (piece instanceof Uint8Array) yield piece;
    }
  }

  #pathOf(entry: TreeEntry): string {
    const path = this.#paths.get(entry);
    if (path === undefined) throw new TypeError(`"${entry.name}" is not of this folder`);
    return path;
  }
}

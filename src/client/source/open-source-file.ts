import { type DirectoryHandle } from "../../linux/directory-handle.ts";
import { openForReading } from "../../linux/open-at.ts";
import { namesOf, type TreePath } from "./tree-path.ts";

/**
 * Opens a file of the tree for reading by its path, one component at a time: no symbolic link on the way is
 * followed, so the descriptor never leads out of the tree.
 *
 * @param root Open root of the tree.
 * @returns A descriptor the caller closes.
 * @throws {SystemError} As `openat(2)`; `ENOTDIR` or `ELOOP` when something on the way is no directory any more.
 */
export function openSourceFile(
  root: DirectoryHandle,
  directory: TreePath,
  name: Uint8Array,
): number {
  const names = namesOf(directory, name);
  let at = root;
  try {
    for (const part of names.slice(0, -1)) {
      const next = at.openChild(part);
      if (at !== root) at.close();
      at = next;
    }
    return openForReading(at.fd, name);
  } finally {
    if (at !== root) at.close();
  }
}

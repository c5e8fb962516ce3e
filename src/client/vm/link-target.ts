import { RestoreError } from "../target/restore-error.ts";
import { type FileTree, type TreeEntry } from "./file-tree.ts";

/** Longest target of a symbolic link in bytes: Linux's PATH_MAX without the NUL at its end (limits.h). */
const TARGET_BYTES_MAX = 4095;

/**
 * Target of a symbolic link, owned.
 *
 * @param path How an error names it.
 * @throws {RestoreError} `RESTORE_FAILED` for one that is longer than Linux lets any be: the size is the image's word.
 */
export async function linkTarget(tree: FileTree, entry: TreeEntry, path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of tree.read(entry)) {
    size += piece.length;
    if (size > TARGET_BYTES_MAX) {
      throw new RestoreError("RESTORE_FAILED", path, "its target is too long for a link");
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

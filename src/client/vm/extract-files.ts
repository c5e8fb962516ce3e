import { constants } from "node:fs";
import { mkdir, open, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";

import { RestoreError } from "../target/restore-error.ts";
import { type FileTree, type TreeEntry } from "./file-tree.ts";
import { linkTarget } from "./link-target.ts";

/** What was extracted, and what was not. */
export interface Extracted {
  readonly files: number;
  readonly bytes: number;
  /** Devices, sockets and fifos, which are left out. */
  readonly leftOut: readonly string[];
}

/**
 * Writes an entry of a tree, and everything below it, to this machine; owners and times are not kept, permissions are.
 *
 * Of a file whose content cannot be had to its end nothing is left, and the extraction ends there.
 * Nothing that is there is overwritten, and no link that came out of the tree is followed: everything is made anew.
 *
 * @param target Path that the entry gets.
 * @throws {RestoreError} `RESTORE_EXISTS`, `RESTORE_FAILED`; what the tree throws.
 */
export async function extractFiles(
  tree: FileTree,
  entry: TreeEntry,
  target: string,
): Promise<Extracted> {
  let files = 0;
  let bytes = 0;
  const leftOut: string[] = [];
  const extract = async (one: TreeEntry, path: string): Promise<void> => {
    switch (one.kind) {
      case "directory":
        await making(path, async () => {
          await mkdir(path);
        });
        for (const child of await tree.list(one)) await extract(child, join(path, child.name));
        return;
      case "symlink": {
        const to = await linkTarget(tree, one, path);
        await making(path, async () => {
          await symlink(to, path);
        });
        return;
      }
      case "file":
        bytes += await writeFile(tree, one, path);
        files += 1;
        return;
      case "other":
        leftOut.push(path);
    }
  };
  await extract(entry, target);
  return { files, bytes, leftOut };
}

async function writeFile(tree: FileTree, entry: TreeEntry, path: string): Promise<number> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const file = await making(path, async () => {
    return await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, entry.mode);
  });
  let bytes = 0;
  try {
    for await (const piece of tree.read(entry)) {
      await file.writeFile(piece);
      bytes += piece.length;
    }
    await file.chmod(entry.mode);
  } catch (error) {
    await unlink(path).catch(() => undefined); // Ours, and not whole.
    throw error;
  } finally {
    await file.close();
  }
  return bytes;
}

async function making<Made>(path: string, make: () => Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw exists
      ? new RestoreError("RESTORE_EXISTS", path)
      : new RestoreError("RESTORE_FAILED", path, String(error));
  }
}

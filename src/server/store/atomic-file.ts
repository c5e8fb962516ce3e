import type * as fsPromises from "node:fs/promises";
import { dirname } from "node:path";

import { toHex } from "../../format/bytes/hex.ts";
import { type Durability, type OnExisting } from "./store-backend.ts";

/**
 * The calls of `node:fs/promises` that a local datastore makes.
 *
 * A parameter, so that tests can fail or stop at every one of them.
 */
export type DiskCalls = Pick<
  typeof fsPromises,
  | "link"
  | "lstat"
  | "lutimes"
  | "open"
  | "readdir"
  | "rename"
  | "rm"
  | "rmdir"
  | "statfs"
  | "unlink"
> & { readonly mkdir: (path: string, mode?: number) => Promise<unknown> };

/** Mode of every file of a datastore (spec datastore.md §1.2). */
export const STORE_FILE_MODE = 0o644;

/** One small file to be written. */
export interface AtomicWrite {
  /** Final path. */
  readonly path: string;
  /** Borrowed. */
  readonly bytes: Uint8Array;
  readonly onExisting: OnExisting;
  readonly durability: Durability;
  /** Chance for the temporary name. */
  readonly randomBytes: (size: number) => Uint8Array;
}

/**
 * Writes a file so that nobody ever sees a part of it (W2): temporary sibling, rename, both synced if wanted.
 *
 * With `refuse`, a link takes the place of the rename: it fails when the name is taken.
 *
 * @returns `false` when the file exists and must not be replaced.
 */
export async function writeFileAtomically(disk: DiskCalls, write: AtomicWrite): Promise<boolean> {
  const temporary = temporaryPath(write.path, toHex(write.randomBytes(3)));
  try {
    await writeWhole(disk, temporary, write);
    if (write.onExisting === "refuse") {
      if (!(await linkUnlessExists(disk, temporary, write.path))) return false;
      await disk.unlink(temporary);
    } else {
      await disk.rename(temporary, write.path);
    }
  } catch (error) {
    await disk.unlink(temporary).catch(() => undefined); // The first failure counts; left-overs are ignorable.
    throw error;
  }
  if (write.durability === "synced") await syncFolder(disk, dirname(write.path));
  return true;
}

/** Makes sure that names created in or removed from a folder are on the medium. */
export async function syncFolder(disk: DiskCalls, path: string): Promise<void> {
  await using folder = await disk.open(path, "r");
  await folder.sync();
}

/**
 * Sibling name that no listing shows: the last extension is replaced by `tmp_` and a suffix, appended to names
 * without one (spec datastore.md §1.3).
 */
export function temporaryPath(path: string, suffix: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const stem = dot > 0 ? path.slice(0, path.length - name.length + dot) : path;
  return `${stem}.tmp_${suffix}`;
}

async function writeWhole(disk: DiskCalls, temporary: string, write: AtomicWrite): Promise<void> {
  await using file = await disk.open(temporary, "wx", STORE_FILE_MODE);
  let done = 0;
  while (done < write.bytes.length) {
    const { bytesWritten } = await file.write(write.bytes, done, write.bytes.length - done, done);
    done += bytesWritten;
  }
  await file.chmod(STORE_FILE_MODE); // Creation is subject to the umask, this is not.
  if (write.durability === "synced") await file.sync();
}

async function linkUnlessExists(disk: DiskCalls, from: string, to: string): Promise<boolean> {
  try {
    await disk.link(from, to);
    return true;
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    await disk.unlink(from);
    return false;
  }
}

/** Whether an error of the system has one of the given codes. */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    codes.includes(error.code)
  );
}

import { chmod, chown, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Whose a file is. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Replaces a file that only its owner may read (mode 0600), creating its folder (0700) if needed.
 *
 * Readers see the old or the new content, never a part, also after a loss of power: it is written aside, synced and
 * renamed.
 *
 * @param suffix Ending of the temporary name, unique among concurrent writers.
 * @param owner Who gets the file; this process's user when left out.
 */
export async function replacePrivateFile(
  path: string,
  content: string,
  suffix: string,
  owner?: FileOwner,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp-${suffix}`;
  await writeNew(temporary, content, 0o600);
  try {
    await chmod(temporary, 0o600);
    if (owner && owner.uid !== process.getuid?.()) await chown(temporary, owner.uid, owner.gid);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path);
}

/**
 * Writes a file that does not exist yet, in a folder that does, and syncs both.
 *
 * It gets its name when it is complete, so that a process that is killed leaves nothing in the way of the next. Where a
 * file cannot have two names, as on FAT, it has its name from the beginning.
 *
 * @param mode Its permission bits; the process's mask may take some away.
 * @param suffix Ending of the temporary name, never used before.
 * @throws {Error} with the code `EEXIST` when there is anything of that name: it stays as it is.
 */
export async function createFile(
  path: string,
  content: string,
  { mode, suffix }: { readonly mode: number; readonly suffix: string },
): Promise<void> {
  const temporary = `${path}.tmp-${suffix}`;
  await writeNew(temporary, content, mode);
  try {
    await link(temporary, path);
  } catch (error) {
    if (!hasNoLinks(error)) throw error;
    await writeNew(path, content, mode);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(path);
}

function hasNoLinks(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EPERM" || code === "ENOTSUP" || code === "ENOSYS" || code === "EMLINK";
}

async function writeNew(path: string, content: string, mode: number): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await close(file);
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
}

/** Makes the name durable, where the file system can. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EINVAL")) throw error;
  } finally {
    await folder.close();
  }
}

/** Closes a file whose writing failed; that failure is the one to tell. */
async function close(file: FileHandle): Promise<void> {
  await file.close().catch(() => undefined);
}

import { chmod, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file that only its owner may read (mode 0600), creating its folder (0700) if needed.
 *
 * Readers see the old or the new content, never a part: it is written aside and renamed.
 *
 * @param suffix Ending of the temporary name, unique among concurrent writers.
 */
export async function replacePrivateFile(
  path: string,
  content: string,
  suffix: string,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp-${suffix}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.close();
    await chmod(temporary, 0o600);
    await rename(temporary, path);
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

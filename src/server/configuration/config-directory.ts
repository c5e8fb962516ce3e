import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { ConfigError } from "./config-error.ts";

/**
 * A directory with files of the configuration, or of the server's memory, each readable by the server's user only.
 *
 * Files are replaced as a whole: written aside, synced, renamed. Nobody else may write them while the server runs.
 */
export class ConfigDirectory {
  /** Absolute path. */
  readonly path: string;
  #temporaryCount = 0;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Opens the directory; it is created with mode 0700 when it does not exist.
   *
   * @throws {ConfigError} `CONFIG_INVALID` for something else of that name, or where nothing can be made.
   */
  static async open(path: string): Promise<ConfigDirectory> {
    try {
      await mkdir(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      const detail = "it is no folder and cannot be made";
      throw new ConfigError("CONFIG_INVALID", path, detail, { cause });
    }
    return new ConfigDirectory(path);
  }

  /** Content of a file as text, `undefined` when there is none. */
  async read(fileName: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.path, fileName), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Removes a file; one that is not there is no error. */
  async remove(fileName: string): Promise<void> {
    await rm(join(this.path, fileName), { force: true });
  }

  /** Replaces a file, mode 0600; when this returns, the new content survives a crash. */
  async write(fileName: string, content: string): Promise<void> {
    const target = join(this.path, fileName);
    this.#temporaryCount += 1;
    const aside = `${target}.tmp_${process.pid}_${this.#temporaryCount}`;
    try {
      const file = await open(aside, "wx", 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(aside, target);
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  }
}

/** Digest of a configuration file for optimistic locking (spec rest-api.md §1.3). */
export function configDigest(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

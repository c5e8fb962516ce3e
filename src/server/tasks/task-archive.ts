import { appendFile, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { parseUpid, type Upid } from "./upid.ts";

/** One line of the archive. */
export interface ArchivedTask {
  readonly upid: string;
  readonly parts: Upid;
  readonly endSec: number;
  /** `OK`, `WARNINGS: n`, `unknown` or the text of an error. */
  readonly status: string;
}

/** Size at which the archive is set aside, in bytes; ours: some 4000 tasks. */
export const ARCHIVE_BYTES_MAX: number = 500 * 1024;

/** Archives that are kept besides the one in use; ours: some 80,000 tasks. */
const OLD_ARCHIVES_MAX = 20;

/**
 * The list of tasks that are over: `archive` for the latest, `archive.1` to `archive.20` for those before.
 *
 * Lines are only added; when the file has grown, it is renamed and the oldest one goes, with the logs nobody lists.
 */
export class TaskArchive {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Adds a task. */
  async append({ upid, endSec, status }: Omit<ArchivedTask, "parts">): Promise<void> {
    const time = endSec.toString(16).toUpperCase().padStart(8, "0");
    await appendFile(this.#path(0), `${upid} ${time} ${status}\n`);
  }

  /** Every task, the oldest first; lines that are none are passed over. */
  async *read(): AsyncGenerator<ArchivedTask, void, void> {
    for (let number = OLD_ARCHIVES_MAX; number >= 0; number--) {
      for (const line of await readLines(this.#path(number))) {
        const task = parseLine(line);
        if (task) yield task;
      }
    }
  }

  /** Whether {@link rotate} has something to do. */
  async isFull(): Promise<boolean> {
    try {
      return (await stat(this.#path(0))).size > ARCHIVE_BYTES_MAX;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Begins a new archive; the oldest one goes. A crash on the way loses no line of the others. */
  async rotate(): Promise<void> {
    await rm(this.#path(OLD_ARCHIVES_MAX), { force: true });
    for (let number = OLD_ARCHIVES_MAX - 1; number >= 0; number--) {
      await rename(this.#path(number), this.#path(number + 1)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    }
  }

  /**
   * Removes logs of tasks that no archive lists, and of tasks that ended before a moment.
   *
   * @param isRunning Whether a task is going on; its log stays.
   * @returns How many.
   */
  async removeLogs(
    isRunning: (upid: string) => boolean,
    beforeSec: number | undefined,
  ): Promise<number> {
    const kept = new Set<string>();
    for await (const { upid, endSec } of this.read()) {
      if (beforeSec === undefined || endSec >= beforeSec) kept.add(upid);
    }
    let removed = 0;
    for (const folder of await readdir(this.#directory)) {
      if (!/^[0-9A-F]{2}$/.test(folder)) continue;
      for (const name of await readdir(join(this.#directory, folder))) {
        if (kept.has(name) || isRunning(name) || !parseUpid(name)) continue;
        await rm(join(this.#directory, folder, name), { force: true });
        removed += 1;
      }
    }
    return removed;
  }

  #path(number: number): string {
    return join(this.#directory, number === 0 ? "archive" : `archive.${number}`);
  }
}

function parseLine(line: string): ArchivedTask | undefined {
  const match = /^(\S+) ([0-9A-Fa-f]{8,16}) (.+)$/.exec(line);
  const [, upid = "", time = "", status = ""] = match ?? [];
  const parts = parseUpid(upid);
  return parts && { upid, parts, endSec: Number.parseInt(time, 16), status };
}

/** Lines of a file without empty ones; none when there is no file. */
export async function readLines(path: string): Promise<readonly string[]> {
  try {
    return (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Whether a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

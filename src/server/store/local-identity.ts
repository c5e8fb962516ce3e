import { type BigIntStats } from "node:fs";
import { type FileHandle } from "node:fs/promises";

import { tryFlock, tryRecordLock } from "../../linux/file-locks.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type DiskCalls, hasErrno, STORE_FILE_MODE } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

/** What a process may do with a local datastore. */
export type LocalAccess = "read-write" | "read-only";

/** Errno names by which a file system says that it has no such locks. */
const LOCKS_UNSUPPORTED: readonly string[] = ["EBADF", "EINVAL", "ENOLCK", "ENOSYS", "EOPNOTSUPP"];

/**
 * Which folder was opened, and this process's claim on it.
 *
 * Two locks that do not touch each other: POSIX record locks on `.lock`, which genuine servers respect, taken only while
 * something writes or collects; and flock(2) on `.chunks` for as long as the datastore is open for writing, which only
 * we know of: it keeps a second Amber server out. On file systems without flock the second one is missing.
 */
export class LocalIdentity {
  readonly base: string;
  readonly #disk: DiskCalls;
  readonly #chunks: BigIntStats;
  readonly #lockFile: FileHandle | undefined;
  readonly #guard: FileHandle | undefined;

  private constructor(
    base: string,
    disk: DiskCalls,
    found: { chunks: BigIntStats; lockFile: FileHandle | undefined; guard: FileHandle | undefined },
  ) {
    this.base = base;
    this.#disk = disk;
    this.#chunks = found.chunks;
    this.#lockFile = found.lockFile;
    this.#guard = found.guard;
  }

  /** Checks that the folder is a datastore and claims it, unless it is only to be read. */
  static async establish(
    base: string,
    access: LocalAccess,
    disk: DiskCalls,
  ): Promise<LocalIdentity> {
    const chunks = await statChunks(base, disk);
    if (access === "read-only") {
      return new LocalIdentity(base, disk, { chunks, lockFile: undefined, guard: undefined });
    }
    const guard = await disk.open(`${base}/.chunks`, "r");
    try {
      if (!tryGuard(guard.fd)) {
        throw new StoreError("STORE_IN_USE", `datastore "${base}" is open in another server`);
      }
      // Opened exactly once per process: closing any descriptor of it would drop the process's record locks.
      const lockFile = await disk.open(`${base}/.lock`, "a+", STORE_FILE_MODE);
      return new LocalIdentity(base, disk, { chunks, lockFile, guard });
    } catch (error) {
      await guard.close();
      throw error;
    }
  }

  /** Sets this process's record lock; `false` when another process is in the way. */
  trySetLock(state: "none" | "shared" | "exclusive"): boolean {
    if (!this.#lockFile) throw new StoreError("STORE_READ_ONLY");
    return tryRecordLock(this.#lockFile.fd, state);
  }

  /** Fails when the path does not lead to the folder that was opened, as after an unmount. */
  async assertPresent(): Promise<void> {
    const now = await statChunks(this.base, this.#disk);
    if (now.dev !== this.#chunks.dev || now.ino !== this.#chunks.ino) {
      throw new StoreError(
        "STORE_NOT_A_DATASTORE",
        `"${this.base}" is not the datastore any more that was opened there`,
      );
    }
  }

  /** Gives up all claims. */
  async close(): Promise<void> {
    await this.#lockFile?.close();
    await this.#guard?.close();
  }
}

async function statChunks(base: string, disk: DiskCalls): Promise<BigIntStats> {
  let cause: unknown;
  try {
    const stat = await disk.lstat(`${base}/.chunks`, { bigint: true });
    if (stat.isDirectory()) return stat;
  } catch (error) {
    if (!hasErrno(error, "ENOENT", "ENOTDIR", "EACCES")) throw error;
    cause = error;
  }
  throw new StoreError(
    "STORE_NOT_A_DATASTORE",
    `"${base}" is not a datastore: there is no readable folder ".chunks" in it`,
    { cause },
  );
}

function tryGuard(descriptor: number): boolean {
  try {
    return tryFlock(descriptor, "exclusive");
  } catch (error) {
    if (error instanceof SystemError && LOCKS_UNSUPPORTED.includes(error.code)) return true;
    throw error;
  }
}

import { NotResident } from "../format/bytes/resident-source.ts";
import { type Attributes, type FileSystem, ROOT_INODE } from "./file-system.ts";
import { FsError } from "./fs-error.ts";
import { FUSE_NAME_BYTES_MAX } from "./fuse-protocol.ts";
import { NeedBook } from "./need-book.ts";

/** How long one thing may take to fetch before the operation fails: this kind of transport cannot be interrupted. */
const FETCH_MS_MAX = 120_000;

/** Times one operation may ask for the same thing. */
const SAME_NEED_MAX = 8;

/** Paths whose inode is remembered; one of them is some hundred bytes. */
const PATHS_MAX = 10_000;

/**
 * Gives a {@link FileSystem} to callers that name things by path and can wait: resolves the path, fetches what is
 * missing, and calls again.
 */
export class PathFileSystem {
  readonly #resolve: (need: unknown) => Promise<unknown>;
  readonly #running = new Map<number, Promise<void>>();
  readonly #needs: NeedBook;
  readonly #inoByPath = new Map<string, number>();
  #fileSystem: FileSystem | undefined;

  /** Starts without a file system: its maker wants {@link prefetch} first. */
  constructor(resolve: (need: unknown) => Promise<unknown>) {
    this.#resolve = resolve;
    this.#needs = new NeedBook((id, need) => {
      const fetched = this.#fetch(id, need);
      // Whoever waits sees a failure; what was only prefetched must not count as unhandled.
      fetched.catch(() => undefined);
      this.#running.set(id, fetched);
    });
  }

  /** Takes the file system that answers from now on. */
  attach(fileSystem: FileSystem): void {
    this.#fileSystem = fileSystem;
  }

  /** Fetches something that will be needed soon. */
  prefetch(need: unknown): void {
    this.#needs.want(need);
  }

  /**
   * Runs `work` on the inode at an absolute path, again after each thing that had to be fetched.
   *
   * @throws {FsError} Of the file system; ETIMEDOUT when fetching takes too long.
   */
  async run<T>(path: string, work: (fileSystem: FileSystem, ino: number) => T): Promise<T> {
    const askedByKey = new Map<string, number>();
    for (;;) {
      try {
        const fileSystem = this.#attached();
        return work(fileSystem, this.#inodeAt(fileSystem, path));
      } catch (error) {
        if (!(error instanceof NotResident)) throw error;
        const { id, key } = this.#needs.want(error.need);
        const asked = (askedByKey.get(key) ?? 0) + 1;
        if (asked > SAME_NEED_MAX) {
          throw new FsError("EIO", "keep what was fetched long enough to use it");
        }
        askedByKey.set(key, asked);
        await withDeadline(this.#running.get(id));
      }
    }
  }

  async #fetch(id: number, need: unknown): Promise<void> {
    let answer: unknown;
    try {
      answer = await this.#resolve(need);
    } catch (error) {
      answer = error instanceof Error ? error : new Error(String(error));
    }
    this.#needs.settle(id);
    this.#running.delete(id);
    this.#attached().accept(need, answer);
  }

  #attached(): FileSystem {
    if (!this.#fileSystem) throw new TypeError("no file system is attached");
    return this.#fileSystem;
  }

  /** Only paths whose every part is stable are remembered; others are walked each time. */
  #inodeAt(fileSystem: FileSystem, path: string): number {
    const known = this.#inoByPath.get(path);
    if (known !== undefined) return known;
    let ino = ROOT_INODE;
    let isStable = true;
    for (const part of path.split("/")) {
      if (part === "") continue;
      const name = Buffer.from(part);
      if (name.length > FUSE_NAME_BYTES_MAX) throw new FsError("ENAMETOOLONG", "look up a name");
      const found: Attributes = fileSystem.lookup(ino, name);
      isStable &&= found.timeoutMs === undefined;
      ino = found.ino;
    }
    if (isStable) this.#remember(path, ino);
    return ino;
  }

  #remember(path: string, ino: number): void {
    if (this.#inoByPath.size >= PATHS_MAX) {
      for (const oldest of this.#inoByPath.keys()) {
        this.#inoByPath.delete(oldest);
        break;
      }
    }
    this.#inoByPath.set(path, ino);
  }
}

async function withDeadline(fetched: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new FsError("ETIMEDOUT", "fetch in time"));
    }, FETCH_MS_MAX);
  });
  try {
    await Promise.race([fetched, late]);
  } finally {
    clearTimeout(timer);
  }
}

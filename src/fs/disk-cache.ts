import fs from "node:fs/promises";
import path from "node:path";

import { type Clock } from "../format/clock.ts";
import { type Digest } from "../format/chunk/digest.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";

/** Names of files that are being written. */
const TEMPORARY_PREFIX = "tmp-";

/** Age at which a file that is being written is taken for the remains of a crash. */
const ABANDONED_MS = 3_600_000;

/** How much older the recorded use of a file may be than the real one; each record is a system call. */
const USE_RECORDED_EVERY_MS = 60_000;

/** When it is full, this much of it is cleared at once. */
const CLEARED_SHARE = 0.05;

/** Where and how much. */
export interface DiskCacheOptions {
  /** Folder that is this program's alone; made if it is missing. */
  readonly folder: string;
  /** Bytes of stored blobs to keep. */
  readonly bytesMax: number;
  readonly clock: Clock;
}

interface Kept {
  readonly size: number;
  usedAtMs: number;
}

/**
 * Blobs of chunks in a folder, up to a number of bytes; what was not used for longest goes first.
 *
 * Proves nothing: whoever reads a blob checks it, and {@link drop}s what is damaged. Files are written aside and renamed,
 * so that a crash leaves whole blobs or leftovers that the next start removes; nothing is synced, as nothing depends on
 * it. Several processes may use one folder; each counts only what it saw, so together they may keep more for a while. No
 * failure of the disk is the reader's: a blob that cannot be read is absent, one that cannot be written is not kept.
 */
export class DiskCache {
  readonly #folder: string;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  /** In order of last use, oldest first. */
  readonly #kept = new Map<Digest, Kept>();
  #keptBytes = 0;
  #temporaryCount = 0;
  #clearing: Promise<void> | undefined;
  /** Settles when what is in the folder is known; reading and writing need not wait for it. */
  readonly scanned: Promise<void>;

  private constructor({ folder, bytesMax, clock }: DiskCacheOptions) {
    this.#folder = folder;
    this.#bytesMax = bytesMax;
    this.#clock = clock;
    this.scanned = this.#scan();
    this.scanned.catch(() => undefined); // A folder that cannot be listed can still be read and written.
  }

  /**
   * Opens the cache in a folder; fails when it cannot be made.
   *
   * The folder is readable by its owner only: blobs of backups that are not encrypted are somebody's files.
   */
  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    await fs.mkdir(options.folder, { recursive: true, mode: 0o700 });
    return new DiskCache(options);
  }

  /** Bytes known to be kept. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** The blob of a chunk, owned, not proven; `undefined` when it is not kept. */
  async read(digest: Digest): Promise<Uint8Array | undefined> {
    const file = this.#pathOf(digest);
    try {
      const blob = await fs.readFile(file);
      this.#noteUse(digest, blob.length);
      return new Uint8Array(blob.buffer, blob.byteOffset, blob.length);
    } catch {
      this.#forget(digest);
      return undefined;
    }
  }

  /** Keeps a borrowed blob that was proven to be good. */
  async store(digest: Digest, blob: Uint8Array): Promise<void> {
    if (this.#kept.has(digest) || blob.length > Math.min(this.#bytesMax, 2 * CHUNK_BYTES_MAX)) {
      return;
    }
    const file = this.#pathOf(digest);
    const name = `${TEMPORARY_PREFIX}${process.pid}-${this.#temporaryCount++}`;
    const temporary = path.join(this.#folder, name);
    try {
      await fs.writeFile(temporary, blob, { flag: "wx", mode: 0o600 });
      await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await fs.rename(temporary, file);
      this.#noteUse(digest, blob.length);
    } catch {
      await fs.rm(temporary, { force: true }).catch(() => undefined);
    }
    await this.#clear();
  }

  /** Removes a blob that turned out to be damaged. */
  async drop(digest: Digest): Promise<void> {
    this.#forget(digest);
    await fs.rm(this.#pathOf(digest), { force: true }).catch(() => undefined);
  }

  #pathOf(digest: Digest): string {
    return path.join(this.#folder, digest.slice(0, 2), digest);
  }

  #noteUse(digest: Digest, size: number): void {
    const nowMs = this.#clock.nowMs();
    const before = this.#kept.get(digest);
    this.#forget(digest);
    const isRecorded = before !== undefined && nowMs - before.usedAtMs < USE_RECORDED_EVERY_MS;
    this.#kept.set(digest, { size, usedAtMs: isRecorded ? before.usedAtMs : nowMs });
    this.#keptBytes += size;
    if (isRecorded || before === undefined) return;
    const nowSec = nowMs / 1000;
    void fs.utimes(this.#pathOf(digest), nowSec, nowSec).catch(() => undefined);
  }

  #forget(digest: Digest): void {
    const kept = this.#kept.get(digest);
    if (!kept) return;
    this.#kept.delete(digest);
    this.#keptBytes -= kept.size;
  }

  /** Makes room, one pass at a time. */
  async #clear(): Promise<void> {
    if (this.#keptBytes <= this.#bytesMax) return;
    this.#clearing ??= this.#removeOldest().finally(() => {
      this.#clearing = undefined;
    });
    await this.#clearing;
  }

  async #removeOldest(): Promise<void> {
    await this.scanned.catch(() => undefined); // Before that, the oldest may not be known yet.
    for (const digest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#bytesMax * (1 - CLEARED_SHARE)) return;
      await this.drop(digest);
    }
  }

  async #scan(): Promise<void> {
    const found: { readonly digest: Digest; readonly kept: Kept }[] = [];
    for (const folder of await fs.readdir(this.#folder, { withFileTypes: true })) {
      const place = path.join(this.#folder, folder.name);
      if (folder.name.startsWith(TEMPORARY_PREFIX)) await this.#removeAbandoned(place);
      if (!folder.isDirectory() || !/^[0-9a-f]{2}$/.test(folder.name)) continue;
      for (const name of await fs.readdir(place)) {
        if (!isDigest(name)) continue;
        const stat = await fs.stat(path.join(place, name)).catch(() => undefined);
        if (!stat) continue;
        found.push({ digest: name, kept: { size: stat.size, usedAtMs: stat.mtimeMs } });
      }
    }
    const newer = [...this.#kept];
    this.#kept.clear();
    for (const { digest, kept } of found.sort((a, b) => a.kept.usedAtMs - b.kept.usedAtMs)) {
      this.#kept.set(digest, kept);
    }
    // What was used while the folder was listed is the newest.
    for (const [digest, kept] of newer) {
      this.#kept.delete(digest);
      this.#kept.set(digest, kept);
    }
    this.#keptBytes = [...this.#kept.values()].reduce((sum, { size }) => sum + size, 0);
  }

  async #removeAbandoned(file: string): Promise<void> {
    const stat = await fs.stat(file).catch(() => undefined);
    if (stat && this.#clock.nowMs() - stat.mtimeMs > ABANDONED_MS) {
      await fs.rm(file, { force: true }).catch(() => undefined);
    }
  }
}

function isDigest(name: string): name is Digest {
  return /^[0-9a-f]{64}$/.test(name);
}

import assert from "node:assert/strict";
import * as fsPromises from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";

import { type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { type Clock } from "../../format/clock.ts";
import { type Digest, parseDigest } from "../../format/chunk/digest.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../../format/limits.ts";
import { exchangeNames } from "../../linux/exchange-names.ts";
import { readPathAttribute, setPathAttribute } from "../../linux/extended-attributes.ts";
import { syncFileSystem } from "../../linux/sync-file-system.ts";
import { ChunkFolderThread } from "./chunk-folder-thread.ts";
import { type DiskCalls, hasErrno, syncFolder, writeFileAtomically } from "./atomic-file.ts";
import { absentAs, readWholeFile } from "./read-whole-file.ts";
import { JointSync } from "./joint-sync.ts";
import { type LocalAccess, LocalIdentity } from "./local-identity.ts";
import { LocalStagedFile } from "./local-staged-file.ts";
import { openLocalFile } from "./open-local-file.ts";
import { ownedDisk } from "./owned-disk.ts";
import {
  type ChunkEntry,
  type ChunkStat,
  type Durability,
  type FolderEntry,
  type StagedFile,
  type StorageSpace,
  type StoreBackend,
  type StoredFile,
  type SurveyedChunk,
  type WriteFileOptions,
} from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

const CHUNK_FOLDER_PATTERN = /^[0-9a-f]{4}$/;
const CHUNK_OBJECT_PATTERN = /^([0-9a-f]{64})(\.[0-9]\.bad)?$/;
/** Extended attribute that keeps a chunk's seal: no byte of the datastore's format changes (docs/decisions/0012-seals.md). */
const SEAL_ATTRIBUTE = Buffer.from("user.amber.sha256");
const BAD_NAMES_MAX = 10;
/** Chunk folders of a survey that are looked at in one step. */
const FOLDERS_AT_ONCE = 64;

/** How a local datastore is opened. */
export interface LocalBackendOptions {
  /** `read-only` neither creates nor locks anything: for read-only media, foreign owners, and mounts. */
  readonly access: LocalAccess;
  readonly clock: Clock;
  /** System calls; `node:fs/promises` unless a test wants to fail some. */
  readonly disk?: DiskCalls;
  /** What lets two paths change places in one step, if it can; {@link exchangeNames} unless a test wants something else. */
  readonly exchange?: (a: string, b: string) => Promise<boolean>;
}

/**
 * A datastore in a local folder, laid out to the byte as Proxmox Backup does (spec datastore.md §1).
 *
 * Opening changes nothing in an existing datastore, except that a missing `.lock` is created. A second server that
 * opens the same folder is refused.
 */
export class LocalBackend implements StoreBackend {
  readonly location: string;
  readonly isReadOnly: boolean;
  readonly #disk: DiskCalls;
  readonly #clock: Clock;
  readonly #identity: LocalIdentity;
  /** A sync of a file system can take long and holds a thread: backups that finish together share one. */
  readonly #jointSync: JointSync;
  readonly #exchange: (a: string, b: string) => Promise<boolean>;
  /** Collection looks at every chunk: its calls run in a thread of their own. */
  readonly #folderThread: ChunkFolderThread;

  private constructor(identity: LocalIdentity, disk: DiskCalls, options: LocalBackendOptions) {
    this.location = identity.base;
    this.isReadOnly = options.access === "read-only";
    this.#disk = disk;
    this.#clock = options.clock;
    this.#exchange =
      options.exchange ?? (async (a, b) => await Promise.resolve(exchangeNames(a, b)));
    this.#identity = identity;
    this.#folderThread = new ChunkFolderThread(`${identity.base}/.chunks`);
    this.#jointSync = new JointSync(async () => {
      await using base = await disk.open(identity.base, "r");
      await syncFileSystem(base.fd);
    });
  }

  /**
   * Opens an existing datastore.
   *
   * @param base Absolute path.
   * @throws {StoreError} `STORE_NOT_A_DATASTORE` when there are no chunk folders, as below the mount point of a disk
   *   that is not mounted; `STORE_IN_USE` when another server has it open for writing.
   */
  static async open(base: string, options: LocalBackendOptions): Promise<LocalBackend> {
    const disk = options.disk ?? (await diskFor(base));
    const identity = await LocalIdentity.establish(base, options.access, disk);
    return new LocalBackend(identity, disk, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folderThread.stop();
    await this.#identity.close();
  }

  async assertPresent(): Promise<void> {
    await this.#identity.assertPresent();
  }

  async setLock(state: "none" | "shared" | "exclusive"): Promise<boolean> {
    this.#assertWritable();
    return await Promise.resolve(this.#identity.trySetLock(state));
  }

  async syncEverything(): Promise<void> {
    await this.#jointSync.sync();
  }

  async space(): Promise<StorageSpace> {
    const { bsize, blocks, bfree, bavail } = await this.#disk.statfs(this.location);
    return {
      totalBytes: blocks * bsize,
      usedBytes: (blocks - bfree) * bsize,
      availableBytes: bavail * bsize,
    };
  }

  async statChunk(digest: Digest): Promise<ChunkStat | undefined> {
    return await this.#statObject(this.#chunkPath(digest));
  }

  async readChunk(
    digest: Digest,
    allocate?: ReadBlobOptions["allocate"],
  ): Promise<Uint8Array | undefined> {
    const path = this.#chunkPath(digest);
    return await readWholeFile(this.#disk, path, BLOB_UPLOAD_BYTES_MAX, allocate);
  }

  async openChunk(digest: Digest): Promise<StoredFile | undefined> {
    return await openLocalFile(this.#disk, this.#chunkPath(digest), BLOB_UPLOAD_BYTES_MAX);
  }

  async readChunkHead(digest: Digest, size: number): Promise<Uint8Array | undefined> {
    await using file = await absentAs(undefined, this.#disk.open(this.#chunkPath(digest), "r"));
    if (!file) return undefined;
    const head = new Uint8Array(size);
    const { bytesRead } = await file.read(head, 0, size, 0);
    return head.subarray(0, bytesRead);
  }

  async writeChunk(digest: Digest, blob: Uint8Array, durability: Durability): Promise<void> {
    this.#assertWritable();
    const path = this.#chunkPath(digest);
    const write = { path, bytes: blob, onExisting: "replace", durability, randomBytes } as const;
    try {
      await writeFileAtomically(this.#disk, write);
    } catch (error) {
      if (!hasErrno(error, "ENOENT")) throw error;
      // Chunk folders are made up front, but a copied datastore may lack the empty ones. Not below another disk's mount point:
      await this.assertPresent();
      await this.#makeChunkFolder(digest);
      await writeFileAtomically(this.#disk, write);
      if (durability === "synced") await syncFolder(this.#disk, `${this.location}/.chunks`);
    }
  }

  async sealChunk(digest: Digest, seal: Uint8Array): Promise<boolean> {
    this.#assertWritable();
    const path = Buffer.from(this.#chunkPath(digest));
    return await Promise.resolve(setPathAttribute(path, SEAL_ATTRIBUTE, seal));
  }

  async readSeal(digest: Digest): Promise<Uint8Array | undefined> {
    const path = Buffer.from(this.#chunkPath(digest));
    return await Promise.resolve(readPathAttribute(path, SEAL_ATTRIBUTE));
  }

  async touchChunk(digest: Digest): Promise<boolean> {
    this.#assertWritable();
    return await this.#touch(this.#chunkPath(digest));
  }

  async touchChunks(digests: Uint8Array): Promise<readonly number[]> {
    this.#assertWritable();
    return await this.#folderThread.touch(digests, this.#clock.nowSec());
  }

  async touchBadChunks(digest: Digest): Promise<number> {
    this.#assertWritable();
    let count = 0;
    for (let n = 0; n < BAD_NAMES_MAX; n++) {
      if (await this.#touch(`${this.#chunkPath(digest)}.${n}.bad`)) count++;
    }
    return count;
  }

  async statChunkObject(entry: ChunkEntry): Promise<ChunkStat | undefined> {
    return await this.#statObject(this.#objectPath(entry));
  }

  async removeChunkObject(entry: ChunkEntry): Promise<boolean> {
    this.#assertWritable();
    return await this.#unlink(this.#objectPath(entry));
  }

  async setChunkAside(digest: Digest): Promise<boolean> {
    this.#assertWritable();
    const path = this.#chunkPath(digest);
    let free = 0;
    while (free < BAD_NAMES_MAX - 1 && (await this.#statObject(`${path}.${free}.bad`))) free++;
    return await absentAs(
      false,
      this.#disk.rename(path, `${path}.${free}.bad`).then(() => true),
    );
  }

  async *listChunks(): AsyncGenerator<ChunkEntry, void, void> {
    for (const folder of await this.#chunkFolders()) {
      const names = await absentAs([], this.#disk.readdir(`${this.location}/.chunks/${folder}`));
      for (const name of names) {
        const entry = chunkEntryOf(name);
        if (entry) yield entry;
      }
    }
  }

  async *surveyChunks(): AsyncGenerator<readonly SurveyedChunk[], void, void> {
    const folders = await this.#chunkFolders();
    for (let from = 0; from < folders.length; from += FOLDERS_AT_ONCE) {
      const found = await this.#folderThread.survey(folders.slice(from, from + FOLDERS_AT_ONCE));
      const entries: SurveyedChunk[] = [];
      for (const { name, size, usedAtSec } of found) {
        const entry = chunkEntryOf(name);
        if (entry) entries.push({ ...entry, size, usedAtSec });
      }
      yield entries;
    }
  }

  async listFolder(path: string): Promise<readonly FolderEntry[] | undefined> {
    const listing = this.#disk.readdir(this.#path(path), { withFileTypes: true });
    const entries = await absentAs(undefined, listing, "ENOTDIR");
    return entries?.map((entry) => ({
      name: entry.name,
      kind: entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other",
    }));
  }

  async isFolder(path: string): Promise<boolean> {
    const stat = await absentAs(undefined, this.#disk.lstat(this.#path(path)), "ENOTDIR");
    return stat?.isDirectory() === true;
  }

  async createFolder(path: string, durability: Durability): Promise<boolean> {
    this.#assertWritable();
    const target = this.#path(path);
    try {
      await this.#disk.mkdir(target);
    } catch (error) {
      if (hasErrno(error, "EEXIST")) return false;
      throw error;
    }
    if (durability === "synced") await syncFolder(this.#disk, dirname(target));
    return true;
  }

  async createFolders(path: string, durability: Durability): Promise<void> {
    const components = path.split("/");
    for (let count = 1; count <= components.length; count++) {
      await this.createFolder(components.slice(0, count).join("/"), durability);
    }
  }

  async readFile(path: string, sizeMax: number): Promise<Uint8Array | undefined> {
    return await readWholeFile(this.#disk, this.#path(path), sizeMax);
  }

  async openFile(path: string): Promise<StoredFile | undefined> {
    return await openLocalFile(this.#disk, this.#path(path), Number.MAX_SAFE_INTEGER);
  }

  async writeFile(path: string, bytes: Uint8Array, options: WriteFileOptions): Promise<boolean> {
    this.#assertWritable();
    const write = { ...options, path: this.#path(path), bytes, randomBytes };
    return await writeFileAtomically(this.#disk, write);
  }

  async stageFile(path: string): Promise<StagedFile> {
    this.#assertWritable();
    return await LocalStagedFile.create(this.#disk, this.#path(path));
  }

  async renameFile(from: string, to: string, durability: Durability): Promise<void> {
    this.#assertWritable();
    await this.#disk.rename(this.#path(from), this.#path(to));
    if (durability === "synced") {
      await syncFolder(this.#disk, dirname(this.#path(to)));
    }
  }

  async exchangeFolders(a: string, b: string, durability: Durability): Promise<boolean> {
    this.#assertWritable();
    if (!(await this.#exchange(this.#path(a), this.#path(b)))) return false;
    if (durability === "synced") await syncFolder(this.#disk, dirname(this.#path(a)));
    return true;
  }

  async removeFile(path: string): Promise<boolean> {
    this.#assertWritable();
    return await this.#unlink(this.#path(path));
  }

  async removeFolder(path: string): Promise<void> {
    this.#assertWritable();
    await this.#disk.rm(this.#path(path), { recursive: true, force: true });
  }

  async removeEmptyFolder(path: string): Promise<boolean> {
    this.#assertWritable();
    const removed = this.#disk.rmdir(this.#path(path)).then(() => true);
    return await absentAs(false, removed, "ENOTEMPTY", "EEXIST");
  }

  async #chunkFolders(): Promise<readonly string[]> {
    const names = await this.#disk.readdir(`${this.location}/.chunks`);
    return names.filter((name) => CHUNK_FOLDER_PATTERN.test(name)).sort();
  }

  async #touch(path: string): Promise<boolean> {
    // Collection frees chunks by access time, and `relatime` mounts do not update it on read: set it ourselves (W4).
    const stat = await absentAs(undefined, this.#disk.lstat(path));
    if (!stat) return false;
    const touched = this.#disk.lutimes(path, this.#clock.nowSec(), stat.mtime);
    return await absentAs(
      false,
      touched.then(() => true),
    );
  }

  async #statObject(path: string): Promise<ChunkStat | undefined> {
    const stat = await absentAs(undefined, this.#disk.lstat(path));
    if (!stat) return undefined;
    if (!stat.isFile()) {
      throw new StoreError("STORE_UNREADABLE", `got unexpected file type for chunk "${path}"`);
    }
    return { size: stat.size, usedAtSec: Math.floor(stat.atimeMs / 1000) };
  }

  async #unlink(path: string): Promise<boolean> {
    return await absentAs(
      false,
      this.#disk.unlink(path).then(() => true),
    );
  }

  async #makeChunkFolder(digest: Digest): Promise<void> {
    const path = `${this.location}/.chunks/${digest.slice(0, 4)}`;
    try {
      await this.#disk.mkdir(path, CHUNK_FOLDER_MODE);
    } catch (error) {
      if (!hasErrno(error, "EEXIST")) throw error;
    }
  }

  #chunkPath(digest: Digest): string {
    return `${this.location}/.chunks/${digest.slice(0, 4)}/${digest}`;
  }

  #objectPath(entry: ChunkEntry): string {
    return `${this.location}/.chunks/${entry.digest.slice(0, 4)}/${entry.name}`;
  }

  #path(path: string): string {
    assert(!path.startsWith("/") && !path.split("/").includes(".."), path);
    return path === "" ? this.location : `${this.location}/${path}`;
  }

  #assertWritable(): void {
    if (this.isReadOnly) throw new StoreError("STORE_READ_ONLY");
  }
}

function chunkEntryOf(name: string): ChunkEntry | undefined {
  const match = CHUNK_OBJECT_PATTERN.exec(name);
  if (match?.[1] === undefined) return undefined;
  return { digest: parseDigest(match[1]), name, isBad: match[2] !== undefined };
}

/** Mode of `.chunks` and of the folders in it (spec datastore.md §1.2). */
export const CHUNK_FOLDER_MODE = 0o750;

/** The calls of this process; run as root, it leaves what it makes to the owner of the datastore. */
async function diskFor(base: string): Promise<DiskCalls> {
  if (process.getuid?.() !== 0) return fsPromises;
  const owner = await absentAs(undefined, fsPromises.lstat(base));
  return owner === undefined || owner.uid === 0
    ? fsPromises
    : ownedDisk(fsPromises, owner, fsPromises.lchown);
}

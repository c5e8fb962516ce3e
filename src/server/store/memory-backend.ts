import { type Clock } from "../../format/clock.ts";
import {
  type Digest,
  DIGEST_BYTES,
  digestOfBytes,
  parseDigest,
} from "../../format/chunk/digest.ts";
import {
  type ChunkEntry,
  type ChunkStat,
  type FolderEntry,
  type StagedFile,
  type StorageSpace,
  type StoreBackend,
  type StoredFile,
  type SurveyedChunk,
  type WriteFileOptions,
} from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

interface ChunkObject {
  bytes: Uint8Array;
  usedAtSec: number;
  seal?: Uint8Array;
}

/** A datastore in memory: for tests, and the shortest description of what a {@link StoreBackend} has to do. */
export class MemoryBackend implements StoreBackend {
  readonly location = "memory";
  readonly isReadOnly = false;
  readonly #clock: Clock;
  /** Chunk objects by name: a digest, or `<digest>.<n>.bad`. */
  readonly #chunks = new Map<string, ChunkObject>();
  readonly #files = new Map<string, Uint8Array>();
  readonly #folders = new Set<string>([""]);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  async assertPresent(): Promise<void> {
    await Promise.resolve();
  }

  async setLock(): Promise<boolean> {
    return await Promise.resolve(true);
  }

  async syncEverything(): Promise<void> {
    await Promise.resolve();
  }

  async space(): Promise<StorageSpace> {
    let usedBytes = 0;
    for (const { bytes } of this.#chunks.values()) usedBytes += bytes.length;
    for (const bytes of this.#files.values()) usedBytes += bytes.length;
    return await Promise.resolve({ totalBytes: usedBytes, usedBytes, availableBytes: 0 });
  }

  async statChunk(digest: Digest): Promise<ChunkStat | undefined> {
    return await Promise.resolve(this.#stat(digest));
  }

  async readChunk(digest: Digest): Promise<Uint8Array | undefined> {
    return await Promise.resolve(this.#chunks.get(digest)?.bytes.slice());
  }

  async openChunk(digest: Digest): Promise<StoredFile | undefined> {
    const bytes = await this.readChunk(digest);
    return bytes && memoryFile(bytes);
  }

  async readChunkHead(digest: Digest, size: number): Promise<Uint8Array | undefined> {
    return await Promise.resolve(this.#chunks.get(digest)?.bytes.slice(0, size));
  }

  async writeChunk(digest: Digest, blob: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.#chunks.set(digest, { bytes: blob.slice(), usedAtSec: this.#clock.nowSec() });
  }

  async sealChunk(digest: Digest, seal: Uint8Array): Promise<boolean> {
    await Promise.resolve();
    const chunk = this.#chunks.get(digest);
    if (chunk) chunk.seal = seal.slice();
    return chunk !== undefined;
  }

  async readSeal(digest: Digest): Promise<Uint8Array | undefined> {
    return await Promise.resolve(this.#chunks.get(digest)?.seal?.slice());
  }

  async touchChunk(digest: Digest): Promise<boolean> {
    await Promise.resolve();
    const chunk = this.#chunks.get(digest);
    if (chunk) chunk.usedAtSec = this.#clock.nowSec();
    return chunk !== undefined;
  }

  async touchChunks(digests: Uint8Array): Promise<readonly number[]> {
    const missing: number[] = [];
    for (let at = 0; at < digests.length; at += DIGEST_BYTES) {
      const digest = digestOfBytes(digests.subarray(at, at + DIGEST_BYTES));
      if (!(await this.touchChunk(digest))) missing.push(at / DIGEST_BYTES);
    }
    return missing;
  }

  async touchBadChunks(digest: Digest): Promise<number> {
    await Promise.resolve();
    let count = 0;
    for (const [name, chunk] of this.#chunks) {
      if (!name.startsWith(`${digest}.`)) continue;
      chunk.usedAtSec = this.#clock.nowSec();
      count++;
    }
    return count;
  }

  async removeChunkObject(entry: ChunkEntry): Promise<boolean> {
    return await Promise.resolve(this.#chunks.delete(entry.name));
  }

  async statChunkObject(entry: ChunkEntry): Promise<ChunkStat | undefined> {
    return await Promise.resolve(this.#stat(entry.name));
  }

  async setChunkAside(digest: Digest): Promise<boolean> {
    await Promise.resolve();
    const chunk = this.#chunks.get(digest);
    if (!chunk) return false;
    let free = 0;
    while (free < 9 && this.#chunks.has(`${digest}.${free}.bad`)) free++;
    this.#chunks.set(`${digest}.${free}.bad`, chunk);
    return this.#chunks.delete(digest);
  }

  async *listChunks(): AsyncGenerator<ChunkEntry, void, void> {
    await Promise.resolve();
    for (const name of [...this.#chunks.keys()].sort()) {
      yield { digest: parseDigest(name.slice(0, 64)), name, isBad: name.endsWith(".bad") };
    }
  }

  async *surveyChunks(): AsyncGenerator<readonly SurveyedChunk[], void, void> {
    const found: SurveyedChunk[] = [];
    for await (const entry of this.listChunks()) {
      const stat = this.#stat(entry.name);
      if (stat) found.push({ ...entry, ...stat });
    }
    yield found;
  }

  async listFolder(path: string): Promise<readonly FolderEntry[] | undefined> {
    await Promise.resolve();
    if (!this.#folders.has(path)) return undefined;
    const named = (kind: FolderEntry["kind"]) => (child: string) => ({ name: nameOf(child), kind });
    const isChild = (child: string): boolean => child !== "" && parentOf(child) === path;
    return [
      ...[...this.#folders].filter(isChild).map(named("folder")),
      ...[...this.#files.keys()].filter(isChild).map(named("file")),
    ];
  }

  async isFolder(path: string): Promise<boolean> {
    return await Promise.resolve(this.#folders.has(path));
  }

  async createFolder(path: string): Promise<boolean> {
    await Promise.resolve();
    this.#assertFolder(parentOf(path));
    if (this.#folders.has(path) || this.#files.has(path)) return false;
    this.#folders.add(path);
    return true;
  }

  async createFolders(path: string): Promise<void> {
    await Promise.resolve();
    for (let folder = path; !this.#folders.has(folder); folder = parentOf(folder)) {
      this.#folders.add(folder);
    }
  }

  async readFile(path: string, sizeMax: number): Promise<Uint8Array | undefined> {
    await Promise.resolve();
    const bytes = this.#files.get(path);
    if (bytes && bytes.length > sizeMax)
      throw new StoreError("STORE_UNREADABLE", `"${path}" is too long`);
    return bytes?.slice();
  }

  async openFile(path: string): Promise<StoredFile | undefined> {
    await Promise.resolve();
    const bytes = this.#files.get(path);
    return bytes && memoryFile(bytes);
  }

  async writeFile(path: string, bytes: Uint8Array, options: WriteFileOptions): Promise<boolean> {
    await Promise.resolve();
    this.#assertFolder(parentOf(path));
    if (options.onExisting === "refuse" && this.#files.has(path)) return false;
    this.#files.set(path, bytes.slice());
    return true;
  }

  async stageFile(path: string): Promise<StagedFile> {
    await Promise.resolve();
    this.#assertFolder(parentOf(path));
    let bytes = new Uint8Array(0);
    return {
      writeAt: async (offset, written) => {
        await Promise.resolve();
        const end = offset + written.length;
        if (end > bytes.length) {
          const longer = new Uint8Array(Math.max(end, 2 * bytes.length));
          longer.set(bytes);
          bytes = longer;
        }
        bytes.set(written, offset);
      },
      readAt: async (offset, size) => await Promise.resolve(bytes.slice(offset, offset + size)),
      publish: async (size) => {
        await Promise.resolve();
        this.#assertFolder(parentOf(path));
        const final = new Uint8Array(size);
        final.set(bytes.subarray(0, size));
        this.#files.set(path, final);
      },
      [Symbol.asyncDispose]: async () => {
        await Promise.resolve();
      },
    };
  }

  async renameFile(from: string, to: string): Promise<void> {
    await Promise.resolve();
    const bytes = this.#files.get(from);
    if (!bytes) throw new StoreError("STORE_UNREADABLE", `there is no "${from}"`);
    this.#files.delete(from);
    this.#files.set(to, bytes);
  }

  async exchangeFolders(a: string, b: string): Promise<boolean> {
    await Promise.resolve();
    this.#assertFolder(a);
    this.#assertFolder(b);
    const moved = (path: string): string => {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
      }
      return path;
    };
    const files = [...this.#files].map(([path, bytes]) => [moved(path), bytes] as const);
    const folders = [...this.#folders].map(moved);
    this.#files.clear();
    this.#folders.clear();
    for (const [path, bytes] of files) this.#files.set(path, bytes);
    for (const path of folders) this.#folders.add(path);
    return true;
  }

  async removeFile(path: string): Promise<boolean> {
    return await Promise.resolve(this.#files.delete(path));
  }

  async removeFolder(path: string): Promise<void> {
    await Promise.resolve();
    const isInside = (name: string): boolean => name === path || name.startsWith(`${path}/`);
    for (const file of [...this.#files.keys()].filter(isInside)) this.#files.delete(file);
    for (const folder of [...this.#folders].filter(isInside)) this.#folders.delete(folder);
  }

  async removeEmptyFolder(path: string): Promise<boolean> {
    const entries = await this.listFolder(path);
    return entries?.length === 0 && this.#folders.delete(path);
  }

  #stat(name: string): ChunkStat | undefined {
    const chunk = this.#chunks.get(name);
    return chunk && { size: chunk.bytes.length, usedAtSec: chunk.usedAtSec };
  }

  #assertFolder(path: string): void {
    if (!this.#folders.has(path))
      throw new StoreError("STORE_UNREADABLE", `there is no folder "${path}"`);
  }
}

function memoryFile(bytes: Uint8Array): StoredFile {
  return {
    size: bytes.length,
    readAt: async (offset, size) => await Promise.resolve(bytes.slice(offset, offset + size)),
    readInto: async (targets) => {
      let done = 0;
      for (const target of targets) {
        const part = bytes.subarray(done, done + target.length);
        target.set(part);
        done += part.length;
      }
      return await Promise.resolve(done);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.resolve();
    },
  };
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

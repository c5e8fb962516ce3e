import { type Digest } from "../../src/format/chunk/digest.ts";
import { MemoryBackend } from "../../src/server/store/memory-backend.ts";
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
} from "../../src/server/store/store-backend.ts";
import { type FakeClock } from "./fake-clock.ts";

/** What the power cut does to one change that was not forced to the medium. */
export type Fate = "kept" | "lost" | "hollow";

interface Change {
  isDurable: boolean;
  /** Makes the change on another storage; `hollow` makes the name without the bytes. */
  readonly replay: (backend: MemoryBackend, fate: "kept" | "hollow") => Promise<unknown>;
}

const EMPTY = new Uint8Array(0);

/**
 * A storage whose power is cut in the n-th change; afterwards {@link afterPowerCut} says what the medium holds.
 *
 * The worst that a file system may do: whatever was not forced to the medium may be there, may be missing, or may be
 * there by name with no content, in any combination.
 */
export class PowerLossBackend implements StoreBackend {
  readonly location = "memory";
  readonly isReadOnly = false;
  readonly #live: MemoryBackend;
  readonly #clock: FakeClock;
  readonly #cutAt: number;
  readonly #changes: Change[] = [];
  #count = 0;

  constructor(clock: FakeClock, cutAt: number) {
    this.#live = new MemoryBackend(clock);
    this.#clock = clock;
    this.#cutAt = cutAt;
  }

  /** Changes made so far. */
  get changeCount(): number {
    return this.#count;
  }

  /** What is on the medium when the power is back. */
  async afterPowerCut(fate: () => Fate): Promise<MemoryBackend> {
    const medium = new MemoryBackend(this.#clock);
    for (const change of this.#changes) {
      const outcome = change.isDurable ? "kept" : fate();
      if (outcome === "lost") continue;
      await change.replay(medium, outcome).catch(() => undefined); // Its folder was lost.
    }
    return medium;
  }

  async #change<T>(
    durability: Durability,
    act: (backend: MemoryBackend) => Promise<T>,
    hollow: (backend: MemoryBackend) => Promise<unknown> = act,
  ): Promise<T> {
    this.#count++;
    if (this.#count >= this.#cutAt) throw new Error("the power is cut");
    this.#changes.push({
      isDurable: durability === "synced",
      replay: async (backend, fate) => await (fate === "kept" ? act : hollow)(backend),
    });
    return await act(this.#live);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#live[Symbol.asyncDispose]();
  }

  async assertPresent(): Promise<void> {
    await this.#live.assertPresent();
  }

  async setLock(): Promise<boolean> {
    return await this.#live.setLock();
  }

  async syncEverything(): Promise<void> {
    this.#count++;
    if (this.#count >= this.#cutAt) throw new Error("the power is cut");
    for (const change of this.#changes) change.isDurable = true;
    await Promise.resolve();
  }

  async space(): Promise<StorageSpace> {
    return await this.#live.space();
  }

  async statChunk(digest: Digest): Promise<ChunkStat | undefined> {
    return await this.#live.statChunk(digest);
  }

  async openChunk(digest: Digest): Promise<StoredFile | undefined> {
    return await this.#live.openChunk(digest);
  }

  async readChunk(digest: Digest): Promise<Uint8Array | undefined> {
    return await this.#live.readChunk(digest);
  }

  async readChunkHead(digest: Digest, size: number): Promise<Uint8Array | undefined> {
    return await this.#live.readChunkHead(digest, size);
  }

  async writeChunk(digest: Digest, blob: Uint8Array, durability: Durability): Promise<void> {
    const kept = blob.slice();
    await this.#change(
      durability,
      async (backend) => {
        await backend.writeChunk(digest, kept);
      },
      async (backend) => {
        await backend.writeChunk(digest, EMPTY);
      },
    );
  }

  async sealChunk(digest: Digest, seal: Uint8Array): Promise<boolean> {
    const kept = seal.slice();
    return await this.#change("none", async (backend) => await backend.sealChunk(digest, kept));
  }

  async readSeal(digest: Digest): Promise<Uint8Array | undefined> {
    return await this.#live.readSeal(digest);
  }

  async touchChunk(digest: Digest): Promise<boolean> {
    return await this.#live.touchChunk(digest);
  }

  async touchChunks(digests: Uint8Array): Promise<readonly number[]> {
    return await this.#live.touchChunks(digests);
  }

  async touchBadChunks(digest: Digest): Promise<number> {
    return await this.#live.touchBadChunks(digest);
  }

  async removeChunkObject(entry: ChunkEntry): Promise<boolean> {
    return await this.#change("none", async (backend) => await backend.removeChunkObject(entry));
  }

  async statChunkObject(entry: ChunkEntry): Promise<ChunkStat | undefined> {
    return await this.#live.statChunkObject(entry);
  }

  async setChunkAside(digest: Digest): Promise<boolean> {
    return await this.#change("none", async (backend) => await backend.setChunkAside(digest));
  }

  async *listChunks(): AsyncGenerator<ChunkEntry, void, void> {
    yield* this.#live.listChunks();
  }

  async *surveyChunks(): AsyncGenerator<readonly SurveyedChunk[], void, void> {
    yield* this.#live.surveyChunks();
  }

  async listFolder(path: string): Promise<readonly FolderEntry[] | undefined> {
    return await this.#live.listFolder(path);
  }

  async isFolder(path: string): Promise<boolean> {
    return await this.#live.isFolder(path);
  }

  async createFolder(path: string, durability: Durability): Promise<boolean> {
    return await this.#change(durability, async (backend) => await backend.createFolder(path));
  }

  async createFolders(path: string, durability: Durability): Promise<void> {
    await this.#change(durability, async (backend) => {
      await backend.createFolders(path);
    });
  }

  async readFile(path: string, sizeMax: number): Promise<Uint8Array | undefined> {
    return await this.#live.readFile(path, sizeMax);
  }

  async openFile(path: string): Promise<StoredFile | undefined> {
    return await this.#live.openFile(path);
  }

  async writeFile(path: string, bytes: Uint8Array, options: WriteFileOptions): Promise<boolean> {
    const kept = bytes.slice();
    return await this.#change(
      options.durability,
      async (backend) => await backend.writeFile(path, kept, options),
      async (backend) => await backend.writeFile(path, EMPTY, options),
    );
  }

  async stageFile(path: string): Promise<StagedFile> {
    const staged = await this.#live.stageFile(path);
    return {
      writeAt: async (offset, bytes) => {
        await staged.writeAt(offset, bytes);
      },
      readAt: async (offset, size) => await staged.readAt(offset, size),
      publish: async (size, durability) => {
        const padded = new Uint8Array(size);
        padded.set(await staged.readAt(0, size));
        await this.writeFile(path, padded, { onExisting: "replace", durability });
      },
      [Symbol.asyncDispose]: async () => {
        await staged[Symbol.asyncDispose]();
      },
    };
  }

  async renameFile(from: string, to: string, durability: Durability): Promise<void> {
    const hollow = async (backend: MemoryBackend): Promise<unknown> =>
      await backend.writeFile(to, EMPTY, { onExisting: "replace", durability });
    await this.#change(
      durability,
      async (backend) => {
        // Of a file whose bytes were lost, the new name alone may have got to the medium.
        if (await backend.readFile(from, Infinity)) await backend.renameFile(from, to);
        else await hollow(backend);
      },
      hollow,
    );
  }

  async exchangeFolders(a: string, b: string, durability: Durability): Promise<boolean> {
    return await this.#change(durability, async (backend) => await backend.exchangeFolders(a, b));
  }

  async removeFile(path: string): Promise<boolean> {
    return await this.#change("none", async (backend) => await backend.removeFile(path));
  }

  async removeFolder(path: string): Promise<void> {
    await this.#change("none", async (backend) => {
      await backend.removeFolder(path);
    });
  }

  async removeEmptyFolder(path: string): Promise<boolean> {
    return await this.#change("none", async (backend) => await backend.removeEmptyFolder(path));
  }
}

import { type Digest, digestOfBytes } from "../../src/format/chunk/digest.ts";
import { parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { type MemoryBackend } from "../../src/server/store/memory-backend.ts";
import {
  type ChunkEntry,
  type StagedFile,
  type StoreBackend,
  type StoredFile,
  type SurveyedChunk,
} from "../../src/server/store/store-backend.ts";
import { type Interleaver } from "./interleaver.ts";

/** What is stored and what is reachable, kept up to date by everything that passes through {@link watchedBackend}. */
export class ReachableChunks {
  /** Names of the chunks that are stored. */
  readonly stored = new Set<string>();
  /** Chunks that the disk has damaged, set aside or not, until they are stored again: nobody can keep those. */
  readonly damaged = new Set<string>();
  /** Chunks that each index with a final name needs. */
  readonly indexes = new Map<string, readonly Digest[]>();
  /** Chunks that running backups have uploaded. */
  readonly uploaded = new Map<object, Set<Digest>>();
  /** How often the race of PSA-2025-00019-1 was met. */
  advisoryRaces = 0;
  /** Snapshots whose chunks were used again by an index that is not in the list of the running collection. */
  #reusedSinceSearch: Set<string> | undefined;

  /** Reachable ⊆ stored, or it fails. */
  check(): void {
    for (const [path, digests] of this.indexes) {
      for (const digest of digests) this.#require(digest, path);
    }
    for (const digests of this.uploaded.values()) {
      for (const digest of digests) this.#require(digest, "a running backup");
    }
  }

  /** An index has its name: every chunk of it must be there. */
  published(path: string, bytes: Uint8Array): void {
    if (!path.endsWith(".didx") || path.includes("/.")) return;
    const index = parseDynamicIndex(bytes);
    const digests = Array.from({ length: index.count }, (_, i) => index.digestAt(i));
    this.indexes.set(path, digests);
    for (const digest of digests) this.#require(digest, path);
  }

  /** A chunk is there, whatever was before. */
  written(digest: string): void {
    this.stored.add(digest);
    this.damaged.delete(digest);
  }

  /** A chunk is out of the way. */
  setAside(digest: string): void {
    if (!this.damaged.has(digest)) throw new Error(`${digest} was set aside, and is sound`);
    this.stored.delete(digest);
  }

  /** A chunk is to go: nothing may need it. */
  removing(digest: string): void {
    this.stored.delete(digest);
    this.damaged.delete(digest);
    this.check();
  }

  /** Files are gone. */
  forgotten(path: string): void {
    for (const name of this.indexes.keys()) {
      if (name === path || name.startsWith(`${path}/`)) this.indexes.delete(name);
    }
  }

  /** A collection has its list of indexes, and has read the first. */
  searched(): void {
    this.#reusedSinceSearch ??= new Set();
  }

  /** No collection runs any more. */
  collected(): void {
    this.#reusedSinceSearch = undefined;
  }

  /** An index has its name whose chunks are partly those of another snapshot. */
  reused(folder: string): void {
    this.#reusedSinceSearch?.add(folder);
  }

  /** An index is gone that somebody had in a list; only collections open what may be gone. */
  vanished(path: string): void {
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (this.#reusedSinceSearch?.has(folder) === true) this.advisoryRaces++;
  }

  #require(digest: string, who: string): void {
    if (this.stored.has(digest) || this.damaged.has(digest)) return;
    throw new Error(`${digest} is gone, and ${who} needs it`);
  }
}

/** Calls behind which the process may be held up as well: what they did can be seen before they have returned. */
const HELD_UP_BEHIND: ReadonlySet<string> = new Set([
  "writeChunk",
  "touchChunk",
  "setChunkAside",
  "removeChunkObject",
  "renameFile",
  "removeFile",
  "removeFolder",
]);

/**
 * A storage for the process that runs now, whose every call waits for its turn, and that notices the moment in which something needed is gone.
 *
 * A survey gives its entries one by one, with figures as old as the survey; many touches are many turns.
 */
export function watchedBackend(
  backend: MemoryBackend,
  turns: Interleaver,
  reachable: ReachableChunks,
): StoreBackend {
  const { life } = turns;
  const watchFile = (file: StoredFile): StoredFile => ({
    ...file,
    readAt: async (offset, size) => {
      await turns.step(life);
      return await file.readAt(offset, size);
    },
  });
  const watchStaged = (file: StagedFile, path: string): StagedFile => ({
    ...file,
    publish: async (size, durability) => {
      await turns.step(life);
      await file.publish(size, durability);
      reachable.published(path, (await backend.readFile(path, 1 << 20)) ?? new Uint8Array(0));
      await turns.step(life);
    },
  });
  const special: Partial<StoreBackend> = {
    touchChunks: async (digests) => {
      const missing: number[] = [];
      for (let at = 0; at < digests.length; at += 32) {
        await turns.step(life);
        const isThere = await backend.touchChunk(digestOfBytes(digests.subarray(at, at + 32)));
        if (!isThere) missing.push(at / 32);
      }
      return missing;
    },
    surveyChunks: async function* (): AsyncGenerator<readonly SurveyedChunk[], void, void> {
      for await (const entries of backend.surveyChunks()) {
        for (const entry of entries) {
          await turns.step(life);
          yield [entry];
        }
      }
    },
    listChunks: () => backend.listChunks(),
    openFile: async (path) => {
      await turns.step(life);
      const file = await backend.openFile(path);
      if (!file) reachable.vanished(path);
      return file && watchFile(file);
    },
    writeFile: async (path, bytes, options) => {
      await turns.step(life);
      const isWritten = await backend.writeFile(path, bytes, options);
      if (isWritten) reachable.published(path, bytes);
      await turns.step(life);
      return isWritten;
    },
    exchangeFolders: async (a, b) => {
      await turns.step(life);
      const isDone = await backend.exchangeFolders(a, b);
      for (const folder of [a, b]) {
        reachable.forgotten(folder);
        for (const { name } of (await backend.listFolder(folder)) ?? []) {
          const path = `${folder}/${name}`;
          reachable.published(path, (await backend.readFile(path, 1 << 20)) ?? new Uint8Array(0));
        }
      }
      await turns.step(life);
      return isDone;
    },
    stageFile: async (path) => {
      await turns.step(life);
      return watchStaged(await backend.stageFile(path), path);
    },
  };
  const noticed: Readonly<Record<string, (...args: never[]) => void>> = {
    writeChunk: (digest: Digest) => {
      reachable.written(digest);
    },
    setChunkAside: (digest: Digest) => {
      reachable.setAside(digest);
    },
    removeChunkObject: (entry: ChunkEntry) => {
      if (!entry.isBad) reachable.removing(entry.digest);
    },
    removeFile: (path: string) => {
      reachable.forgotten(path);
    },
    removeFolder: (path: string) => {
      reachable.forgotten(path);
    },
  };
  return new Proxy<StoreBackend>(backend, {
    get(target, property) {
      const name = String(property);
      const own: unknown = Reflect.get(special, property);
      if (own !== undefined) return own;
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== "function" || typeof property === "symbol") return member;
      return async (...args: never[]): Promise<unknown> => {
        await turns.step(life);
        const running = Reflect.apply(member, target, args) as Promise<unknown>;
        noticed[name]?.(...args);
        const result = await running;
        if (HELD_UP_BEHIND.has(name)) await turns.step(life);
        return result;
      };
    },
  });
}

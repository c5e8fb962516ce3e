import { AnswerMemory } from "./answer-memory.ts";
import { datastoreModuleUrl } from "./datastore-module-url.ts";
import { DatastoreTree, type MountRoot } from "./datastore-tree.ts";
import { type FsNeed } from "./fs-need.ts";
import { type ZeroChunkName, ZeroChunks } from "./zero-chunks.ts";
import { type FileSystem, type FileSystemHost, type FileSystemRecipe } from "./file-system.ts";

/** What a mount of a datastore is made from; crosses from thread to thread. */
export interface DatastoreMountArgument {
  readonly root: MountRoot;
  /** Bytes of decoded chunks kept in memory; at least {@link CACHE_BYTES_MIN}. */
  readonly cacheBytes: number;
  /** Owner of what has none in the backup. */
  readonly uid: number;
  readonly gid: number;
  /** Chunks that are known without being fetched, for example `zeroChunkNames`. */
  readonly zeroChunks: readonly ZeroChunkName[];
  /** What has been asked of the host already, just before; it is not asked for again. */
  readonly known?: readonly KnownAnswer[];
}

/** An answer of the host, as `FsAnswers` says for the kind of its need. */
export interface KnownAnswer {
  readonly need: FsNeed;
  readonly answer: unknown;
}

/** Least memory with which every request can be answered: a few chunks of the greatest length. */
export const CACHE_BYTES_MIN: number = 64 * 1024 * 1024;

/** The recipe that makes this file system. */
export function datastoreRecipe(argument: DatastoreMountArgument): FileSystemRecipe {
  return { moduleUrl: datastoreModuleUrl(), argument };
}

/** Makes the file system of {@link datastoreRecipe}: see `MakeFileSystem`. */
export function makeFileSystem(argument: unknown, host: FileSystemHost): FileSystem {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- datastoreRecipe is the one that sends it
  const { root, cacheBytes, uid, gid, zeroChunks, known } = argument as DatastoreMountArgument;
  const memory = new AnswerMemory({
    bytesMax: Math.max(CACHE_BYTES_MIN, cacheBytes),
    host,
    monotonicMs: () => performance.now(),
  });
  for (const { need, answer } of known ?? []) memory.accept(need, answer);
  return new DatastoreTree({
    root,
    memory,
    uid,
    gid,
    zeros: new ZeroChunks(zeroChunks),
  });
}

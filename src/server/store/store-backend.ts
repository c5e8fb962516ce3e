import { type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { type Digest } from "../../format/chunk/digest.ts";

/**
 * What a write waits for before it returns: `none` (the system will write it some time) or `synced` (the bytes and
 * the name are on the medium).
 */
export type Durability = "none" | "synced";

/** What the storage knows about one chunk object. */
export interface ChunkStat {
  /** Bytes of the stored blob. */
  readonly size: number;
  /** Time of the last use in whole seconds since the epoch; collection goes by it (spec datastore.md §7.6). */
  readonly usedAtSec: number;
}

/** One object found below the chunk folders. */
export interface ChunkEntry {
  /** Name of the chunk. */
  readonly digest: Digest;
  /** Name of the object: the digest, or `<digest>.<n>.bad` for one that failed verification. */
  readonly name: string;
  /** Whether the object is known to be corrupt (spec datastore.md §8.3). */
  readonly isBad: boolean;
}

/** One object found below the chunk folders, with what the storage knows about it. */
export interface SurveyedChunk extends ChunkEntry, ChunkStat {}

/**
 * Chunk objects of a datastore, by digest.
 *
 * Calls may overlap; whoever needs two calls on one digest to be one step serialises them (`BlobStore` does).
 * `undefined` and `false` mean absent, everything else that goes wrong is thrown as it comes from the system.
 */
export interface ChunkObjects {
  /** Size and time of last use. Fails when the name is taken by something that is not a regular file. */
  statChunk(digest: Digest): Promise<ChunkStat | undefined>;
  /** The whole blob: owned, or in the memory that is offered, as `ReadBlobOptions` says. */
  readChunk(
    digest: Digest,
    allocate?: ReadBlobOptions["allocate"],
  ): Promise<Uint8Array | undefined>;
  /** Opens the blob for reading at any place. Fails like {@link readChunk} for one that is too long to be any. */
  openChunk(digest: Digest): Promise<StoredFile | undefined>;
  /** The first bytes of the blob, at most `size`, owned. */
  readChunkHead(digest: Digest, size: number): Promise<Uint8Array | undefined>;
  /** Stores a borrowed blob in one step: readers see the old one or the new one, whole. */
  writeChunk(digest: Digest, blob: Uint8Array, durability: Durability): Promise<void>;
  /**
   * Keeps 32 bytes with the chunk object that is there now, until it is replaced or removed; the blob is not changed.
   *
   * @returns `false` when the chunk is not there, or the storage cannot keep anything with it.
   */
  sealChunk(digest: Digest, seal: Uint8Array): Promise<boolean>;
  /** What {@link sealChunk} kept with the chunk object, owned. */
  readSeal(digest: Digest): Promise<Uint8Array | undefined>;
  /** Sets the time of last use to now (spec datastore.md §4.1). */
  touchChunk(digest: Digest): Promise<boolean>;
  /**
   * Sets the time of last use of many chunks to now; for collection, which does little else.
   *
   * @param digests One behind another, 32 bytes each, borrowed.
   * @returns Positions of those that are not there, counted from 0, ascending.
   */
  touchChunks(digests: Uint8Array): Promise<readonly number[]>;
  /** Sets the time of last use of everything that was set aside of a chunk to now; gives the number of objects. */
  touchBadChunks(digest: Digest): Promise<number>;
  /** Removes one object, good or bad, that {@link listChunks} named. */
  removeChunkObject(entry: ChunkEntry): Promise<boolean>;
  /** Size and time of last use of one object that {@link listChunks} named. */
  statChunkObject(entry: ChunkEntry): Promise<ChunkStat | undefined>;
  /** Sets a corrupt chunk aside under the first free bad name (spec datastore.md §8.3). */
  setChunkAside(digest: Digest): Promise<boolean>;
  /** All chunk objects in the order of their folders (spec datastore.md §4.5). */
  listChunks(): AsyncIterable<ChunkEntry>;
  /** Like {@link listChunks}, with sizes and times as they were when looked at, many at a time. */
  surveyChunks(): AsyncIterable<readonly SurveyedChunk[]>;
}

/** One entry of a folder. */
export interface FolderEntry {
  /** Name without path. */
  readonly name: string;
  /** Anything that is neither a regular file nor a folder, links included, is `other`. */
  readonly kind: "file" | "folder" | "other";
}

/** An open stored file; its content does not change while it is open. */
export interface StoredFile extends AsyncDisposable {
  /** Bytes of the file. */
  readonly size: number;
  /** Reads up to `size` bytes at `offset`, owned; shorter only at the end. */
  readAt(offset: number, size: number): Promise<Uint8Array>;
  /**
   * Reads into memory that is given, one piece after the other, from the start of the file.
   *
   * Nothing is written to it once the promise has settled.
   *
   * @param targets Lent until then.
   * @returns How many bytes came; fewer than there is room for only at the end of the file.
   */
  readInto(targets: readonly Uint8Array[]): Promise<number>;
}

/** A file under construction: invisible in listings until it is published, gone if it never is (W2). */
export interface StagedFile extends AsyncDisposable {
  /** Writes borrowed bytes at an offset; gaps read as zero. Calls must not overlap. */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
  /** Reads back what was written, owned; shorter only at the end. */
  readAt(offset: number, size: number): Promise<Uint8Array>;
  /** Gives the file its final name, replacing a file of that name; nothing may be called afterwards but disposal. */
  publish(size: number, durability: Durability): Promise<void>;
}

/** What happens when a file to be written exists. */
export type OnExisting = "replace" | "refuse";

/**
 * Folders and small files of a datastore, by path below its base: `host/a/2024-06-05T14:24:36Z/index.json.blob`.
 *
 * Paths are made by `store-path.ts` only, so they never leave the base. `undefined` and `false` mean absent
 * (or, for creation, present already); everything else that goes wrong is thrown as it comes from the system.
 */
export interface SnapshotFiles {
  /** Entries of a folder in no particular order; `""` is the base. */
  listFolder(path: string): Promise<readonly FolderEntry[] | undefined>;
  /** Whether this is a folder itself, not a link to one. */
  isFolder(path: string): Promise<boolean>;
  /** Creates one folder whose parent exists; `false` when the name is taken. */
  createFolder(path: string, durability: Durability): Promise<boolean>;
  /** Creates a folder and its parents as far as they are missing. */
  createFolders(path: string, durability: Durability): Promise<void>;
  /** A whole small file, owned; fails when it is larger than `sizeMax`. */
  readFile(path: string, sizeMax: number): Promise<Uint8Array | undefined>;
  /** Opens a file for reading at any place. */
  openFile(path: string): Promise<StoredFile | undefined>;
  /** Writes a small file in one step from borrowed bytes; `false` when it exists and must not be replaced. */
  writeFile(path: string, bytes: Uint8Array, options: WriteFileOptions): Promise<boolean>;
  /** Starts a file that gets the name `path` when it is published. */
  stageFile(path: string): Promise<StagedFile>;
  /** Renames a file over whatever has the new name, in one step. */
  renameFile(from: string, to: string, durability: Durability): Promise<void>;
  /**
   * Lets two folders that lie in the same one change their names in one step.
   *
   * @returns `false` when the storage cannot do that; nothing has happened then.
   */
  exchangeFolders(a: string, b: string, durability: Durability): Promise<boolean>;
  /** Removes a file. */
  removeFile(path: string): Promise<boolean>;
  /** Removes a folder with everything in it; absent is fine. */
  removeFolder(path: string): Promise<void>;
  /** Removes a folder if it is empty. */
  removeEmptyFolder(path: string): Promise<boolean>;
}

/** Options of {@link SnapshotFiles.writeFile}. */
export interface WriteFileOptions {
  readonly onExisting: OnExisting;
  readonly durability: Durability;
}

/**
 * The lock that datastore users of different processes respect (spec datastore.md §5.1).
 *
 * One state per process; setting a state replaces the one before. `ProcessLock` counts the holders.
 */
export interface StorageLock {
  /** Tries to reach a state at once; `false` when another process is in the way. Releasing always succeeds. */
  setLock(state: "none" | "shared" | "exclusive"): Promise<boolean>;
}

/** Room on the storage in bytes. */
export interface StorageSpace {
  readonly totalBytes: number;
  readonly usedBytes: number;
  readonly availableBytes: number;
}

/**
 * What a datastore stands on: a local folder, memory, an object store.
 *
 * Checked by `test/contract/store-backend.contract.ts`. Implementations keep no knowledge of what the bytes mean.
 */
export interface StoreBackend extends ChunkObjects, SnapshotFiles, StorageLock, AsyncDisposable {
  /** Where it is, for logs: the base path of a local folder. */
  readonly location: string;
  /** Whether every writing call fails with `STORE_READ_ONLY`. */
  readonly isReadOnly: boolean;
  /** Fails with `STORE_NOT_A_DATASTORE` when the storage is not what was opened, such as a mount that went away. */
  assertPresent(): Promise<void>;
  /** Waits until everything written so far is on the medium (spec datastore.md §4.3, level `filesystem`). */
  syncEverything(): Promise<void>;
  /** Room on the storage. */
  space(): Promise<StorageSpace>;
}

import { once } from "node:events";
import * as fsPromises from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { startWorker } from "../../chunks/start-worker.ts";
import { STORE_FILE_MODE } from "./atomic-file.ts";
import { absentAs } from "./read-whole-file.ts";
import { CHUNK_FOLDER_MODE } from "./local-backend.ts";
import { StoreError } from "./store-error.ts";

const CHUNK_FOLDERS = 65_536;

/**
 * When the 65536 chunk folders are made.
 *
 * - `in-background`: right away, in a thread, while the datastore can be used already. Genuine servers want all of them.
 * - `on-demand`: each with its first chunk; for datastores that only live for a test or a demonstration.
 */
export type ChunkFolders = "in-background" | "on-demand";

/** A datastore that exists now. */
export interface LocalDatastoreCreation {
  /** Settles when all chunk folders are there, at once when they are made on demand. Nobody has to wait for it. */
  readonly foldersComplete: Promise<void>;
}

/**
 * Lays out a new, empty datastore in a folder that is missing or empty (spec datastore.md §1.2).
 *
 * @throws {StoreError} `STORE_ALREADY_EXISTS` when there is a datastore already, `STORE_NOT_EMPTY` when there is
 *   something else, or when the folder lies in another datastore; `STORE_NOT_A_DATASTORE` for what is no folder.
 */
export async function createLocalDatastore(
  base: string,
  options: { readonly chunkFolders: ChunkFolders },
): Promise<LocalDatastoreCreation> {
  await refuseOccupied(base);
  await refuseNested(base);
  await fsPromises.mkdir(base, { recursive: true });
  const chunks = `${base}/.chunks`;
  await fsPromises.mkdir(chunks, CHUNK_FOLDER_MODE);
  await fsPromises.chmod(chunks, CHUNK_FOLDER_MODE); // Creation is subject to the umask, this is not.
  await fsPromises.writeFile(`${base}/.lock`, "", { mode: STORE_FILE_MODE });
  if (options.chunkFolders === "on-demand") return { foldersComplete: Promise.resolve() };
  const foldersComplete = completeChunkFolders(base);
  foldersComplete.catch(() => undefined); // Whoever waits for it gets the failure.
  return { foldersComplete };
}

/** Makes the chunk folders that a datastore lacks, in a thread of its own: some two seconds for all of them. */
export async function completeChunkFolders(base: string): Promise<void> {
  const names = await fsPromises.readdir(`${base}/.chunks`);
  if (names.filter((name) => /^[0-9a-f]{4}$/.test(name)).length === CHUNK_FOLDERS) return;
  const worker = startWorker("chunk-folders-worker", import.meta.url, {
    workerData: `${base}/.chunks`,
  });
  await once(worker, "exit");
}

async function refuseOccupied(base: string): Promise<void> {
  const names = (await absentAs(undefined, readFolder(base))) ?? [];
  if (names.includes(".chunks")) {
    throw new StoreError("STORE_ALREADY_EXISTS", `there is a datastore in "${base}" already`);
  }
  const occupant = names.find((name) => !name.startsWith(".") && name !== "lost+found");
  if (occupant !== undefined) {
    throw new StoreError("STORE_NOT_EMPTY", `"${base}" is not empty: it holds "${occupant}"`);
  }
}

async function readFolder(path: string): Promise<readonly string[]> {
  try {
    return await fsPromises.readdir(path);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ENOTDIR")) throw cause;
    const message = `Cannot make a datastore of "${path}": it is no folder, or lies below none`;
    throw new StoreError("STORE_NOT_A_DATASTORE", message, { cause });
  }
}

async function refuseNested(base: string): Promise<void> {
  for (let folder = dirname(resolve(base)); ; folder = dirname(folder)) {
    if (await absentAs(undefined, fsPromises.lstat(`${folder}/.chunks`), "ENOTDIR")) {
      throw new StoreError("STORE_NOT_EMPTY", `"${base}" lies inside the datastore "${folder}"`);
    }
    if (folder === dirname(folder)) return;
  }
}

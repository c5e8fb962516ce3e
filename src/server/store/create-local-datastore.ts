import { once } from "node:events";
import * as fsPromises from "node:fs/promises";
import { dirname, resolve } from "node:path";

import { startWorker } from "../../chunks/start-worker.ts";
import { STORE_FILE_MODE } from "./atomic-file.ts";
import { absentAs } from "./disk-reads.ts";
import { CHUNK_FOLDER_MODE } from "./local-backend.ts";
import { StoreError } from "./store-error.ts";

/** A datastore that exists now. */
export interface LocalDatastoreCreation {
  /**
   * Settles when all 65536 chunk folders are there, some two seconds later.
   *
   * The datastore may be opened and written to before: a folder that is not there yet is made when it is needed. Genuine
   * servers want all of them.
   */
  readonly foldersComplete: Promise<void>;
}

/**
 * Lays out a new, empty datastore in a folder that is missing or empty (spec datastore.md §1.2).
 *
 * @throws {StoreError} `STORE_ALREADY_EXISTS` when there is a datastore already, `STORE_NOT_EMPTY` when there is
 *   something else, or when the folder lies in another datastore.
 */
export async function createLocalDatastore(base: string): Promise<LocalDatastoreCreation> {
  await refuseOccupied(base);
  await refuseNested(base);
  await fsPromises.mkdir(base, { recursive: true });
  const chunks = `${base}/.chunks`;
  await fsPromises.mkdir(chunks, CHUNK_FOLDER_MODE);
  await fsPromises.chmod(chunks, CHUNK_FOLDER_MODE); // Creation is subject to the umask, this is not.
  await fsPromises.writeFile(`${base}/.lock`, "", { mode: STORE_FILE_MODE });
  const foldersComplete = completeChunkFolders(base);
  foldersComplete.catch(() => undefined); // Whoever waits for it gets the failure; nobody has to.
  return { foldersComplete };
}

/** Makes the chunk folders that a datastore lacks, in a thread of its own. */
export async function completeChunkFolders(base: string): Promise<void> {
  const worker = startWorker("chunk-folders-worker", import.meta.url, {
    workerData: `${base}/.chunks`,
  });
  await once(worker, "exit");
}

async function refuseOccupied(base: string): Promise<void> {
  const names = (await absentAs(undefined, fsPromises.readdir(base))) ?? [];
  if (names.includes(".chunks")) {
    throw new StoreError("STORE_ALREADY_EXISTS", `there is a datastore in "${base}" already`);
  }
  const occupant = names.find((name) => !name.startsWith(".") && name !== "lost+found");
  if (occupant !== undefined) {
    throw new StoreError("STORE_NOT_EMPTY", `"${base}" is not empty: it holds "${occupant}"`);
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

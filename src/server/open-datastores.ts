import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { type FastifyBaseLogger } from "fastify";

import { type CodecPool } from "../chunks/codec-pool.ts";
import { type Clock } from "../format/clock.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { type DatastoreConfig, type DatastoreEntry } from "./configuration/datastore-config.ts";
import { Datastores, type KnownDatastore } from "./datastores.ts";
import { pooledChunkVerifier } from "./session/pooled-chunk-verifier.ts";
import {
  type ChunkFolders,
  completeChunkFolders,
  createLocalDatastore,
} from "./store/create-local-datastore.ts";
import { Datastore } from "./store/datastore.ts";
import { LocalBackend } from "./store/local-backend.ts";
import { StoreError } from "./store/store-error.ts";

/** What opening datastores needs. */
export interface OpenDatastoreOptions {
  readonly clock: Clock;
  readonly logger: FastifyBaseLogger;
  /** Threads that verify uploads. */
  readonly pool: CodecPool;
  /** When the folders of chunks of a new datastore are made. */
  readonly chunkFolders: ChunkFolders;
}

/**
 * Opens every datastore of the configuration; one that is new in it and whose folder is missing or empty is created.
 *
 * A datastore that cannot be opened, for example because its disk is not mounted, stays known with its failure, and
 * nothing is written in its place; but when it was named on the command line, it stops the start.
 *
 * @param wanted Names on the command line.
 * @throws {StoreError} `STORE_NOT_EMPTY`, `STORE_NOT_A_DATASTORE`, `STORE_IN_USE`; what was opened before is closed.
 */
export async function openDatastores(
  { entries, added }: DatastoreConfig,
  wanted: ReadonlySet<string>,
  options: OpenDatastoreOptions,
): Promise<Datastores> {
  const datastores = new Datastores();
  try {
    for (const entry of entries) {
      const { name, path } = entry;
      const isNew = added.has(name) && !(await exists(join(path, ".chunks")));
      if (isNew) {
        await createLocalDatastore(path, { chunkFolders: options.chunkFolders });
        options.logger.info({ store: name, path }, "datastore created");
      }
      if (isOffline(entry)) {
        datastores.set({ entry, datastore: undefined, failure: undefined });
      } else if (wanted.has(name)) {
        datastores.set({
          entry,
          datastore: await openDatastore(entry, options),
          failure: undefined,
        });
      } else datastores.set(await tryOpenDatastore(entry, options));
      if (!isNew && datastores.find(name)) finishChunkFolders(entry, options);
    }
    return datastores;
  } catch (error) {
    await datastores.close();
    throw error;
  }
}

/** Whether the configuration wants a datastore to be closed. */
export function isOffline({ maintenance }: DatastoreEntry): boolean {
  return maintenance !== undefined && maintenance.type !== "read-only";
}

/** Like {@link openDatastore}; one that cannot be opened is known with its failure, and logged. */
export async function tryOpenDatastore(
  entry: DatastoreEntry,
  options: OpenDatastoreOptions,
): Promise<KnownDatastore> {
  try {
    return { entry, datastore: await openDatastore(entry, options), failure: undefined };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { name: store, path } = entry;
    options.logger.error({ store, path, err: error }, "datastore cannot be opened");
    return { entry, datastore: undefined, failure: error.message };
  }
}

/**
 * Opens one datastore whose folder is there; what uploads that a crash interrupted have left behind is removed.
 *
 * @throws {StoreError} `STORE_NOT_A_DATASTORE`, `STORE_IN_USE`.
 */
export async function openDatastore(
  { name, path, syncLevel }: DatastoreEntry,
  { clock, logger, pool }: OpenDatastoreOptions,
): Promise<Datastore> {
  const codec = createNativeProvider();
  const backend = await LocalBackend.open(path, { access: "read-write", clock });
  const verifier = pooledChunkVerifier(pool, codec);
  const datastore = new Datastore(backend, { name, clock, codec, verifier, syncLevel });
  const removedCount = await datastore.removeStaleUploads();
  logger.info({ store: name, path, removedCount }, "datastore opened");
  return datastore;
}

/** A server that was killed while it laid a datastore out left chunk folders missing, which genuine servers insist on. */
function finishChunkFolders({ name, path }: DatastoreEntry, options: OpenDatastoreOptions): void {
  if (options.chunkFolders === "on-demand") return;
  completeChunkFolders(path).catch((error: unknown) => {
    options.logger.warn({ store: name, path, err: error }, "chunk folders are missing");
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error;
    if (isAbsent && (error.code === "ENOENT" || error.code === "ENOTDIR")) return false;
    throw error;
  }
}

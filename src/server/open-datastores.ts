import { lstat } from "node:fs/promises";
import { join } from "node:path";

import { type FastifyBaseLogger } from "fastify";

import { type CodecPool } from "../chunks/codec-pool.ts";
import { type Clock } from "../format/clock.ts";
import { createNativeProvider } from "../format/crypto/native-provider.ts";
import { type DatastoreEntry } from "./configuration/datastore-config.ts";
import { Datastores } from "./datastores.ts";
import { pooledChunkVerifier } from "./session/pooled-chunk-verifier.ts";
import { type ChunkFolders, createLocalDatastore } from "./store/create-local-datastore.ts";
import { Datastore } from "./store/datastore.ts";
import { LocalBackend } from "./store/local-backend.ts";

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
 * Opens every datastore of the configuration; one whose folder is missing or empty is created.
 *
 * What uploads that a crash interrupted have left behind is removed.
 *
 * @throws {StoreError} `STORE_NOT_EMPTY`, `STORE_NOT_A_DATASTORE`, `STORE_IN_USE`; what was opened before is closed.
 */
export async function openDatastores(
  entries: readonly DatastoreEntry[],
  options: OpenDatastoreOptions,
): Promise<Datastores> {
  const codec = createNativeProvider();
  const datastores = new Datastores();
  try {
    for (const { name, path, comment } of entries) {
      if (!(await exists(join(path, ".chunks")))) {
        await createLocalDatastore(path, { chunkFolders: options.chunkFolders });
        options.logger.info({ store: name, path }, "datastore created");
      }
      const backend = await LocalBackend.open(path, {
        access: "read-write",
        clock: options.clock,
      });
      const datastore = new Datastore(backend, {
        name,
        clock: options.clock,
        codec,
        verifier: pooledChunkVerifier(options.pool, codec),
        syncLevel: "filesystem",
      });
      datastores.add({ datastore, ...(comment === undefined ? {} : { comment }) });
      const removedCount = await datastore.removeStaleUploads();
      options.logger.info({ store: name, path, removedCount }, "datastore opened");
    }
    return datastores;
  } catch (error) {
    await datastores.close();
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

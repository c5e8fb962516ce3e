import { type ByteSource } from "../../chunks/byte-source.ts";
import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { decoded } from "../../chunks/decoded.ts";
import { indexedByteSource } from "../../chunks/indexed-byte-source.ts";
import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { manifestFile } from "../../format/manifest/manifest-summary.ts";
import { type ArchiveName, archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type Namespace } from "../../format/snapshot/namespace.ts";
import { type SnapshotId } from "../../format/snapshot/snapshot-id.ts";
import { refused } from "../http/api-error.ts";
import { type Datastore } from "../store/datastore.ts";
import { readStoredIndex } from "../store/read-stored-index.ts";

/** Chunks that one reader fetches at the same time. */
const READS_MAX = 4;

/** Plaintext one reader keeps between steps. */
const RESIDENT_BYTES = 32 * 1024 * 1024;

/** A snapshot whose archives the server itself reads. */
export interface ArchivePlace {
  readonly datastore: Datastore;
  readonly namespace: Namespace;
  readonly snapshot: SnapshotId;
}

/** An archive made of chunks, as plaintext. */
export interface OpenArchive {
  readonly index: ChunkIndex;
  readonly chunks: ChunkSource;
  /** Any part of it. */
  readonly bytes: ByteSource;
  /** The same, for readers that are synchronous. */
  readonly resident: ResidentChunks;
}

/** Opens archives of snapshots with the server's own means: without keys, so never encrypted ones. */
export class SnapshotArchives {
  readonly #pool: CodecPool;

  constructor(pool: CodecPool) {
    this.#pool = pool;
  }

  /**
   * Opens an archive by its index.
   *
   * @throws {ApiError} `API_REFUSED` for an encrypted one.
   * @throws {StoreError} `STORE_FILE_MISSING`.
   */
  async open(place: ArchivePlace, name: ArchiveName): Promise<OpenArchive> {
    await this.requirePlain(place, name);
    const kind = archiveKindOf(name);
    if (kind === "blob") throw refused(`'${name}' is no archive`);
    const file = await place.datastore.openFile(place.namespace, place.snapshot, name);
    let index: ChunkIndex;
    try {
      index = await readStoredIndex(file, kind);
    } finally {
      await file[Symbol.asyncDispose]();
    }
    const chunks = decoded(
      place.datastore.blobs,
      async (blob, digest, options) => {
        const { plain } = await this.#pool.decode(blob, {
          digest,
          sizeMax: CHUNK_BYTES_MAX,
          ownership: "given",
          signal: options?.signal,
        });
        return plain;
      },
      { expected: "unencrypted" },
    );
    return {
      index,
      chunks,
      bytes: indexedByteSource(index, chunks, { inFlightMax: READS_MAX }),
      resident: new ResidentChunks(index, chunks, {
        bytesMax: RESIDENT_BYTES,
        inFlightMax: READS_MAX,
      }),
    };
  }

  /**
   * Refuses files whose content the server cannot read.
   *
   * @throws {ApiError} `API_REFUSED`.
   */
  async requirePlain(place: ArchivePlace, name: ArchiveName): Promise<void> {
    const manifest = await place.datastore.readManifest(place.namespace, place.snapshot);
    if (manifestFile(manifest, name)?.cryptMode === "encrypt") {
      throw refused(`cannot decode '${name}' - is encrypted`);
    }
  }
}

/** Content in pieces of at most 1 MiB, read as they are pulled. */
export async function* archivePieces(
  source: ByteSource,
  offset: number,
  size: number,
): AsyncGenerator<Uint8Array, void, void> {
  const pieceBytes = 1024 * 1024;
  for (let done = 0; done < size; done += pieceBytes) {
    yield await source.readAt(offset + done, Math.min(pieceBytes, size - done));
  }
}

import { blobKindOf } from "../format/chunk/data-blob.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { BLOB_ENCRYPTED_HEADER_BYTES, CHUNK_BYTES_MAX } from "../format/limits.ts";
import { type BlobSource } from "./blob-source.ts";
import { type ChunkSource } from "./chunk-source.ts";
import { type CodecPool } from "./codec-pool.ts";
import { decoded, type DecodeChunk, type ExpectedEncryption } from "./decoded.ts";
import { type RegionPool } from "./region-pool.ts";

/** What {@link lentChunks} works with. */
export interface LentChunksParts {
  readonly blobs: BlobSource;
  readonly codec: CodecPool;
  readonly regions: RegionPool;
  readonly expected: ExpectedEncryption;
  /** Opens encrypted blobs. */
  readonly key?: CryptKey | undefined;
  /** `borrowed` when whoever hands out the blobs uses them afterwards, as a cache on disk does. */
  readonly ownership: "given" | "borrowed";
}

/**
 * Reads and proves chunks, in lent memory for those who say `loanBytes`.
 *
 * A blob is received in a region and decoded from there into another, or stays where it is when it is not compressed: its
 * bytes are then written once, by the receiver, and again where they are when they are encrypted. Such a reader asks the pool for the loan of what it got,
 * and gives that back; every other region is free again when the read has settled. When the pool is full, and
 * for all other readers, chunks come in memory of their own: it is never waited for.
 */
export function lentChunks(parts: LentChunksParts): ChunkSource {
  const { blobs, codec, regions, expected, key, ownership } = parts;
  const proof = { key, ownership, checksum: "left" } as const;
  const owned = decoded(
    blobs,
    async (blob, digest) => {
      const options = { ...proof, digest, sizeMax: CHUNK_BYTES_MAX, memory: "own" } as const;
      return (await codec.decode(blob, options)).plain;
    },
    { expected },
  );

  let underWay = 0;

  return {
    async readChunk(digest, options) {
      const { loanBytes = 0 } = options ?? {};
      if (loanBytes === 0) return await owned.readChunk(digest, options);
      const loans = new Set<number>();
      const take = (size: number): Uint8Array | undefined => {
        const bytes = regions.tryTake(size);
        const loan = bytes && regions.loanOf(bytes);
        if (loan !== undefined) loans.add(loan);
        return bytes;
      };
      const decode: DecodeChunk = async (blob) => {
        const kind = blobKindOf(blob);
        const isLent = regions.loanOf(blob) !== undefined;
        if (isLent && kind?.name === "plain") {
          await codec.decode(blob, { ...proof, digest, sizeMax: loanBytes, wanted: "verify" });
          return blob.subarray(kind.headerBytes);
        }
        if (isLent && ownership === "given" && kind?.name === "encrypted") {
          const body = blob.subarray(kind.headerBytes);
          await codec.decode(blob, { ...proof, digest, sizeMax: loanBytes, into: body });
          return body;
        }
        const into = take(loanBytes);
        if (!into) {
          const own = { ...proof, digest, sizeMax: CHUNK_BYTES_MAX, memory: "own" } as const;
          return (await codec.decode(blob, own)).plain;
        }
        const threads = underWay === 1 ? "two" : "one";
        const lent = { ...proof, digest, sizeMax: loanBytes, into, threads } as const;
        const { size } = await codec.decode(blob, lent);
        return into.subarray(0, size);
      };
      const received: BlobSource = {
        readBlob: async (of, readOptions) =>
          await blobs.readBlob(of, {
            ...readOptions,
            allocate: (size) => take(size ?? loanBytes + BLOB_ENCRYPTED_HEADER_BYTES),
          }),
      };
      underWay++;
      try {
        const chunks = decoded(received, decode, { expected });
        const plain = await chunks.readChunk(digest, options);
        const lent = regions.loanOf(plain);
        if (lent !== undefined) loans.delete(lent);
        return plain;
      } finally {
        underWay--;
        for (const loan of loans) regions.giveBack(loan);
      }
    },
  };
}

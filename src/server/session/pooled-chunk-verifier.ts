import { ChunkError } from "../../chunks/chunk-error.ts";
import { type CodecPool } from "../../chunks/codec-pool.ts";
import { parseBlobHeader, withRecomputedCrc } from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkVerifier } from "../store/accepted-blob.ts";

/**
 * Verifies uploads in the threads of a pool.
 *
 * The threads compare the client's checksum, which the protocol says to ignore (spec backup-protocol.md §4.3). Right ones
 * cost nothing more; only when a blob fails is the checksum computed anew, in this thread, and the blob tried once more.
 * Encrypted blobs cannot be looked into: the threads compute their checksum and the digest that proves them later.
 */
export function pooledChunkVerifier(pool: CodecPool, codec: CodecProvider): ChunkVerifier {
  return {
    verify: async (blob, digest, size) => {
      const what = `chunk ${digest}`;
      const { kind, crc32 } = parseBlobHeader(blob, what);
      if (kind.isEncrypted) {
        const sealed = await pool.seal(blob);
        return { crc32: sealed.crc32, seal: sealed.sha256 };
      }
      const options = { digest, sizeMax: size, wanted: "verify" } as const;
      const requireSize = (found: number): void => {
        if (found !== size) {
          const detail = `its length is ${found}, announced was ${size}`;
          throw new FormatError("FORMAT_INVALID", what, detail);
        }
      };
      try {
        requireSize((await pool.decode(blob, options)).size);
        return { crc32, seal: undefined };
      } catch (error) {
        if (!(error instanceof ChunkError)) throw error;
      }
      const sound = withRecomputedCrc(codec, blob, what);
      try {
        requireSize((await pool.decode(sound, options)).size);
      } catch (error) {
        if (error instanceof ChunkError && error.cause instanceof FormatError) throw error.cause;
        throw error;
      }
      return { crc32: parseBlobHeader(sound, what).crc32, seal: undefined };
    },
  };
}

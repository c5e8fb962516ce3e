import { type CodecPool } from "../chunks/codec-pool.ts";
import { type DecodeChunk } from "../chunks/decoded.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";

/**
 * A {@link DecodeChunk} that works in the pool's threads; plaintext is in shared memory.
 *
 * @param into Shared memory for one chunk, which a longer one does not fit; new memory for each when absent.
 */
export function pooledDecode(
  pool: CodecPool,
  key: CryptKey | undefined,
  into?: Uint8Array,
): DecodeChunk {
  return async (blob, digest, { signal } = {}) => {
    const options = {
      digest,
      sizeMax: into?.length ?? CHUNK_BYTES_MAX,
      key,
      ownership: "given",
      checksum: "left",
      into,
      signal,
    } as const;
    return (await pool.decode(blob, options)).plain;
  };
}

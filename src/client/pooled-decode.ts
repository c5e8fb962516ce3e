import { type CodecPool } from "../chunks/codec-pool.ts";
import { type DecodeChunk } from "../chunks/decoded.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { CHUNK_BYTES_MAX } from "../format/limits.ts";

/** A {@link DecodeChunk} that works in the pool's threads; plaintext is in shared memory. */
export function pooledDecode(pool: CodecPool, key: CryptKey | undefined): DecodeChunk {
  return async (blob, digest, { signal } = {}) => {
    const options = { digest, sizeMax: CHUNK_BYTES_MAX, key, ownership: "given", signal } as const;
    return (await pool.decode(blob, options)).plain;
  };
}

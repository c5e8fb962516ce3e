import { fromHex } from "../format/bytes/hex.ts";
import { chunkDigest } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { type ChunkIndex } from "../format/index/chunk-index.ts";
import { CHUNK_BYTES_MAX, FIXED_CHUNK_BYTES } from "../format/limits.ts";

/** Name and length of a chunk that is all zeros. */
export interface ZeroChunkName {
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
}

/**
 * What chunks of zeros are called that are not encrypted; a test derives it.
 *
 * Images are cut into chunks of the first length; in other archives the cutter finds no place to cut in zeros, so that long
 * holes come out as chunks of the second.
 */
export const PLAIN_ZERO_CHUNKS: readonly ZeroChunkName[] = [
  {
    size: FIXED_CHUNK_BYTES,
    digest: "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8",
  },
  {
    size: CHUNK_BYTES_MAX,
    digest: "080acf35a507ac9849cfcba47dc2ad83e01b75663a516279c8b9d243b719643e",
  },
];

/** The same with what they are called under a key, if there is one; its holder alone can tell. */
export function zeroChunkNames(
  provider: CodecProvider,
  key: CryptKey | undefined,
): readonly ZeroChunkName[] {
  if (!key) return PLAIN_ZERO_CHUNKS;
  const keyed = PLAIN_ZERO_CHUNKS.map(({ size }) => ({
    size,
    digest: chunkDigest(provider, new Uint8Array(size), key),
  }));
  return [...PLAIN_ZERO_CHUNKS, ...keyed];
}

/** Tells chunks of zeros by their names: they need not be fetched, and are shown as holes. */
export class ZeroChunks {
  readonly #digestsBySize = new Map<number, Uint8Array[]>();
  readonly #zeros: Uint8Array;

  /** Knows these. */
  constructor(names: readonly ZeroChunkName[]) {
    let longest = 0;
    for (const { size, digest } of names) {
      const digests = this.#digestsBySize.get(size) ?? [];
      digests.push(fromHex(digest));
      this.#digestsBySize.set(size, digests);
      longest = Math.max(longest, size);
    }
    // Never written to, so that the system gives it no memory of its own.
    this.#zeros = new Uint8Array(longest);
  }

  /** Whether chunk `i` is known to be zeros. */
  has(index: ChunkIndex, i: number): boolean {
    const digests = this.#digestsBySize.get(index.endOf(i) - index.startOf(i));
    if (!digests) return false;
    const digest = index.digestBytesAt(i);
    return digests.some((zero) => Buffer.compare(zero, digest) === 0);
  }

  /** As many zeros; borrowed, not to be written to. */
  bytes(size: number): Uint8Array {
    return this.#zeros.subarray(0, size);
  }
}

import { toHex } from "../bytes/hex.ts";
import { type Digest } from "../chunk/digest.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";

/**
 * The ordered chunks that make up one archive: a byte stream of `size` bytes cut at `endOf(i)`.
 *
 * Immutable. Positions are checked by the caller: an `i` is in `0 … count − 1`.
 */
export interface ChunkIndex {
  /** Which file format it has. */
  readonly kind: "dynamic" | "fixed";
  /** Number of chunks, at least 1. */
  readonly count: number;
  /** Bytes of the archive. */
  readonly size: number;
  /** Seconds since the epoch at which the index was begun; informational. */
  readonly createdAtSec: bigint;
  /** Random identity in 16 bytes; informational. */
  readonly uuid: Uint8Array;
  /** Everything behind the header page, as it lies in the file; borrowed. This is what the checksum covers. */
  readonly entries: Uint8Array;
  /** Name of a chunk. */
  digestAt(i: number): Digest;
  /** Name of a chunk as 32 bytes, borrowed: for sets of millions, which should not make strings. */
  digestBytesAt(i: number): Uint8Array;
  /** Archive offset of a chunk's first byte. */
  startOf(i: number): number;
  /** Archive offset behind a chunk's last byte. */
  endOf(i: number): number;
  /** The chunk that holds the byte at `offset`; `count` at and behind the end of the archive. */
  findIndex(offset: number): number;
}

/**
 * Checksum of an index as 64 hexadecimal digits: SHA-256 over its entries (spec index.md §3).
 *
 * Always computed: the value in a file's header proves nothing.
 */
export function indexCsum(provider: CodecProvider, index: Pick<ChunkIndex, "entries">): string {
  return toHex(provider.sha256(index.entries));
}

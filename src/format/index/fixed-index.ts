import { fromHex } from "../bytes/hex.ts";
import { type Digest, DIGEST_BYTES, digestOfBytes } from "../chunk/digest.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { FormatError } from "../format-error.ts";
import { CHUNK_BYTES_MAX } from "../limits.ts";
import { type ChunkIndex, indexCsum } from "./chunk-index.ts";
import {
  encodeIndexHeader,
  INDEX_HEADER_BYTES,
  type IndexStamp,
  parseIndexHeader,
} from "./index-header.ts";

const WHAT = "fixed index";

/** A {@link ChunkIndex} whose chunks, but for the last, all have one size. */
export interface FixedIndex extends ChunkIndex {
  readonly kind: "fixed";
  /** Bytes of every chunk but the last, a power of two. */
  readonly chunkBytes: number;
}

/**
 * Parses a `.fidx` file; the checksum is not compared: see `indexCsum`.
 *
 * @param file Borrowed for the lifetime of the result.
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_BAD_MAGIC`, `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see spec index.md §2.1, §4
 */
export function parseFixedIndex(file: Uint8Array): FixedIndex {
  const { uuid, createdAtSec, size, chunkBytes } = parseIndexHeader(file, "fixed");
  const entries = file.subarray(INDEX_HEADER_BYTES);
  const count = checkFixedHeader({ size, chunkBytes }, entries.length);

  const digestBytesAt = (i: number): Uint8Array =>
    entries.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
  return {
    kind: "fixed",
    count,
    size,
    chunkBytes,
    createdAtSec,
    uuid,
    entries,
    digestAt: (i) => digestOfBytes(digestBytesAt(i)),
    digestBytesAt,
    startOf: (i) => i * chunkBytes,
    endOf: (i) => Math.min((i + 1) * chunkBytes, size),
    findIndex: (offset) => (offset < size ? Math.floor(offset / chunkBytes) : count),
  };
}

/**
 * Checks that the header of a `.fidx` file makes sense and that its entries are those of the whole image.
 *
 * @param entryBytes Length of the file behind its header.
 * @returns Number of chunks.
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see spec index.md §2.1, §4
 */
export function checkFixedHeader(
  { size, chunkBytes }: { readonly size: number; readonly chunkBytes: number },
  entryBytes: number,
): number {
  if (chunkBytes < 1 || chunkBytes > CHUNK_BYTES_MAX || (chunkBytes & (chunkBytes - 1)) !== 0) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `chunks of ${chunkBytes} bytes`);
  }
  const count = Math.ceil(size / chunkBytes);
  if (entryBytes !== count * DIGEST_BYTES) {
    throw new FormatError(
      entryBytes < count * DIGEST_BYTES ? "FORMAT_TRUNCATED" : "FORMAT_INVALID",
      WHAT,
      `${entryBytes} bytes of entries for ${count} chunks`,
    );
  }
  if (count === 0) throw new FormatError("FORMAT_INVALID", WHAT, "it has no entries");
  return count;
}

/** Collects the chunks of an image in any order; grows with the highest position set (spec index.md §5). */
export class FixedIndexBuilder {
  readonly #chunkBytes: number;
  #digests = new Uint8Array(64 * DIGEST_BYTES);
  #count = 0;

  /** Starts without entries; the size of the image is not needed before {@link build}. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  /** One more than the highest position set. */
  get count(): number {
    return this.#count;
  }

  /** Digests by position, zeros where none was set; borrowed until the next {@link set}. */
  get entries(): Uint8Array {
    return this.#digests.subarray(0, this.#count * DIGEST_BYTES);
  }

  /** Names the chunk at position `i`; may be called again for the same position. */
  set(i: number, digest: Digest): void {
    const end = (i + 1) * DIGEST_BYTES;
    if (end > this.#digests.length) {
      const larger = new Uint8Array(Math.max(end, this.#digests.length * 2));
      larger.set(this.#digests);
      this.#digests = larger;
    }
    this.#digests.set(fromHex(digest), i * DIGEST_BYTES);
    this.#count = Math.max(this.#count, i + 1);
  }

  /** Checksum over the entries as they are now: 64 hexadecimal digits. */
  csum(provider: CodecProvider): string {
    return indexCsum(provider, this);
  }

  /**
   * Makes the whole file, owned; positions never set are zeros.
   *
   * @param size Bytes of the image; must need exactly {@link count} chunks.
   */
  build(provider: CodecProvider, size: number, stamp: IndexStamp): Uint8Array {
    if (Math.ceil(size / this.#chunkBytes) !== this.#count) {
      throw new RangeError(`an image of ${size} bytes does not have ${this.#count} chunks`);
    }
    const csum = this.csum(provider);
    const file = new Uint8Array(INDEX_HEADER_BYTES + this.entries.length);
    file.set(encodeIndexHeader("fixed", { ...stamp, csum, size, chunkBytes: this.#chunkBytes }));
    file.set(this.entries, INDEX_HEADER_BYTES);
    return file;
  }
}

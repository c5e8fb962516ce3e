import { ByteWriter } from "../bytes/byte-writer.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { type Digest, DIGEST_BYTES, digestOfBytes } from "../chunk/digest.ts";
import { type CodecProvider, type Sha256Stream } from "../crypto/codec-provider.ts";
import { FormatError } from "../format-error.ts";
import { CHUNK_BYTES_MAX } from "../limits.ts";
import { type ChunkIndex } from "./chunk-index.ts";
import {
  encodeIndexHeader,
  INDEX_HEADER_BYTES,
  type IndexStamp,
  parseIndexHeader,
} from "./index-header.ts";

/** Bytes of one entry: end offset and digest (spec index.md §2.2). */
export const DYNAMIC_ENTRY_BYTES: number = 8 + DIGEST_BYTES;

const WHAT = "dynamic index";

/**
 * Parses a `.didx` file.
 *
 * Stricter than the reference in one point that its own writer guarantees: ends must grow, by no more than a chunk
 * can have. Code behind it may rely on that. The checksum is not compared: see `indexCsum`.
 *
 * @param file Borrowed for the lifetime of the result.
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_BAD_MAGIC`, `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see spec index.md §2.2, §4
 */
export function parseDynamicIndex(file: Uint8Array): ChunkIndex {
  const { uuid, createdAtSec } = parseIndexHeader(file, "dynamic");
  const entries = file.subarray(INDEX_HEADER_BYTES);
  if (entries.length % DYNAMIC_ENTRY_BYTES !== 0) {
    throw new FormatError("FORMAT_TRUNCATED", WHAT, "the last entry is cut off");
  }
  const count = entries.length / DYNAMIC_ENTRY_BYTES;
  if (count === 0) throw new FormatError("FORMAT_INVALID", WHAT, "it has no entries");

  const size = checkDynamicEnds(entries, { start: 0, first: 0 });

  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const endOf = (i: number): number => endAt(view, i);
  const digestBytesAt = (i: number): Uint8Array => {
    const at = i * DYNAMIC_ENTRY_BYTES + 8;
    return entries.subarray(at, at + DIGEST_BYTES);
  };
  return {
    kind: "dynamic",
    count,
    size,
    createdAtSec,
    uuid,
    entries,
    digestAt: (i) => digestOfBytes(digestBytesAt(i)),
    digestBytesAt,
    startOf: (i) => (i === 0 ? 0 : endOf(i - 1)),
    endOf,
    findIndex(offset) {
      let low = 0;
      let high = count;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (endOf(middle) > offset) high = middle;
        else low = middle + 1;
      }
      return low;
    },
  };
}

/**
 * Checks the ends of successive entries of a `.didx` file: for those who read one piece by piece.
 *
 * @param entries Whole entries, borrowed.
 * @param from Where the first of them starts in the archive, and its number, for the message.
 * @returns Where the last of them ends.
 * @throws {FormatError} `FORMAT_OUT_OF_RANGE`.
 * @see spec index.md §2.2, §4
 */
export function checkDynamicEnds(
  entries: Uint8Array,
  from: { readonly start: number; readonly first: number },
): number {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const count = entries.length / DYNAMIC_ENTRY_BYTES;
  let size = from.start;
  for (let i = 0; i < count; i++) {
    const end = endAt(view, i);
    if (end <= size || end > size + CHUNK_BYTES_MAX) {
      throw new FormatError(
        "FORMAT_OUT_OF_RANGE",
        WHAT,
        `chunk ${from.first + i} ends at ${end}, the one before it at ${size}`,
      );
    }
    size = end;
  }
  if (!Number.isSafeInteger(size)) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, "the archive is longer than 2^53-1 bytes");
  }
  return size;
}

function endAt(view: DataView, i: number): number {
  const at = i * DYNAMIC_ENTRY_BYTES;
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

/**
 * One entry as it stands in the file, owned.
 *
 * @param end Archive offset behind the chunk.
 */
export function encodeDynamicEntry(end: number, digest: Digest): Uint8Array {
  const writer = new ByteWriter(DYNAMIC_ENTRY_BYTES);
  writer.writeSize(end);
  writer.write(fromHex(digest));
  return writer.take();
}

/** Collects the chunks of a stream in order; keeps 40 bytes for each. */
export class DynamicIndexBuilder {
  readonly #entries = new ByteWriter(64 * DYNAMIC_ENTRY_BYTES);
  readonly #hash: Sha256Stream;
  #csum: string | undefined;
  #size = 0;
  #count = 0;

  constructor(provider: CodecProvider) {
    this.#hash = provider.sha256Stream();
  }

  /** Chunks appended so far. */
  get count(): number {
    return this.#count;
  }

  /** Archive bytes appended so far: the offset of the next chunk. */
  get size(): number {
    return this.#size;
  }

  /** Appends the next chunk of the stream, `chunkBytes` long. */
  append(chunkBytes: number, digest: Digest): void {
    if (this.#csum !== undefined) throw new TypeError("the index is closed");
    if (chunkBytes < 1) throw new RangeError("a chunk has at least one byte");
    this.#size += chunkBytes;
    this.#count += 1;
    const entry = encodeDynamicEntry(this.#size, digest);
    this.#entries.write(entry);
    this.#hash.update(entry);
  }

  /** Closes the index: 64 hexadecimal digits. May be called again. */
  csum(): string {
    this.#csum ??= toHex(this.#hash.digest());
    return this.#csum;
  }

  /** Closes the index and makes the whole file, owned. */
  build(stamp: IndexStamp): Uint8Array {
    const header = { ...stamp, csum: this.csum(), size: 0, chunkBytes: 0 };
    const entries = this.#entries.view();
    const file = new Uint8Array(INDEX_HEADER_BYTES + entries.length);
    file.set(encodeIndexHeader("dynamic", header));
    file.set(entries, INDEX_HEADER_BYTES);
    return file;
  }
}

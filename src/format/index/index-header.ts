import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { FormatError } from "../format-error.ts";

/** Bytes of the header page of both kinds of index; entries start behind it (spec index.md §1). */
export const INDEX_HEADER_BYTES = 4096;

/** First eight bytes of both kinds, in hexadecimal digits (spec index.md §1). */
export const indexMagics = {
  fixed: "2f7f41ed91fd0fcd",
  dynamic: "1c914ea519bab3cd",
} as const;

/** What is known about an index before its first entry; both numbers are informational. */
export interface IndexStamp {
  /** Random version-4 UUID, 16 bytes. */
  readonly uuid: Uint8Array;
  /** Seconds since the epoch. */
  readonly createdAtSec: bigint;
}

/** The header page of an index. */
export interface IndexHeader extends IndexStamp {
  /** Checksum as 64 hexadecimal digits; as it stands there, never to be trusted (spec index.md §4). */
  readonly csum: string;
  /** Archive size in bytes; zero in a dynamic index. */
  readonly size: number;
  /** Chunk size in bytes; zero in a dynamic index. */
  readonly chunkBytes: number;
}

/**
 * Parses the header page; reserved bytes are ignored.
 *
 * @param file Borrowed; the whole file, or at least its first page.
 * @returns `uuid` is a view.
 * @throws {FormatError} `FORMAT_TRUNCATED`, `FORMAT_BAD_MAGIC`, for a fixed index `FORMAT_OUT_OF_RANGE`.
 * @see spec index.md §1
 */
export function parseIndexHeader(file: Uint8Array, kind: keyof typeof indexMagics): IndexHeader {
  const what = `${kind} index`;
  if (file.length < INDEX_HEADER_BYTES) {
    throw new FormatError("FORMAT_TRUNCATED", what, `${file.length} bytes, less than its header`);
  }
  const reader = new ByteReader(file.subarray(0, INDEX_HEADER_BYTES), what);
  if (toHex(reader.readBytes(8)) !== indexMagics[kind]) {
    throw new FormatError("FORMAT_BAD_MAGIC", what);
  }
  const uuid = reader.readBytes(16);
  const createdAtSec = reader.readI64();
  const csum = toHex(reader.readBytes(32));
  if (kind === "dynamic") return { uuid, createdAtSec, csum, size: 0, chunkBytes: 0 };
  return { uuid, createdAtSec, csum, size: reader.readSize(), chunkBytes: reader.readSize() };
}

/** Makes the header page: owned, {@link INDEX_HEADER_BYTES} long. */
export function encodeIndexHeader(kind: keyof typeof indexMagics, header: IndexHeader): Uint8Array {
  const writer = new ByteWriter(INDEX_HEADER_BYTES);
  writer.write(fromHex(indexMagics[kind]));
  writer.write(header.uuid);
  writer.writeI64(header.createdAtSec);
  writer.write(fromHex(header.csum));
  writer.writeSize(header.size);
  writer.writeSize(header.chunkBytes);
  writer.write(new Uint8Array(INDEX_HEADER_BYTES - writer.position));
  return writer.take();
}

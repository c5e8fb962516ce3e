import { toHex } from "../bytes/hex.ts";
import { type CodecProvider } from "../crypto/codec-provider.ts";
import { type CryptKey } from "../crypto/crypt-key.ts";
import { FormatError } from "../format-error.ts";
import { BLOB_ENCRYPTED_HEADER_BYTES, BLOB_HEADER_BYTES, BLOB_PLAIN_BYTES_MAX } from "../limits.ts";

/** The four variants of a blob by name. */
export type BlobKindName = "plain" | "compressed" | "encrypted" | "encrypted-compressed";

/** One of the four variants of a blob (spec blob.md §1). */
export interface BlobKind {
  readonly name: BlobKindName;
  readonly isEncrypted: boolean;
  readonly isCompressed: boolean;
  /** First eight bytes of the SHA-256 of the variant's seed string, as hexadecimal digits. */
  readonly magicHex: string;
  /** Bytes before the data. */
  readonly headerBytes: number;
}

/** Bytes that tell the kind of a blob. */
export const BLOB_MAGIC_BYTES = 8;

/** All kinds with their magic numbers (spec blob.md §1). */
export const blobKinds: Readonly<Record<BlobKindName, BlobKind>> = {
  plain: {
    name: "plain",
    isEncrypted: false,
    isCompressed: false,
    magicHex: "42ab3807be8370a1",
    headerBytes: BLOB_HEADER_BYTES,
  },
  compressed: {
    name: "compressed",
    isEncrypted: false,
    isCompressed: true,
    magicHex: "31b958426fb6a37f",
    headerBytes: BLOB_HEADER_BYTES,
  },
  encrypted: {
    name: "encrypted",
    isEncrypted: true,
    isCompressed: false,
    magicHex: "7b6785be222d4cf0",
    headerBytes: BLOB_ENCRYPTED_HEADER_BYTES,
  },
  "encrypted-compressed": {
    name: "encrypted-compressed",
    isEncrypted: true,
    isCompressed: true,
    magicHex: "e6591bbf0bbfd80b",
    headerBytes: BLOB_ENCRYPTED_HEADER_BYTES,
  },
};

const kindByMagic: ReadonlyMap<string, BlobKind> = new Map(
  Object.values(blobKinds).map((kind) => [kind.magicHex, kind]),
);

const CRC_OFFSET = 8;
const IV_OFFSET = 12;
const TAG_OFFSET = 28;

/** The header of a blob, structurally checked; whether the checksum fits the data has not been looked at. */
export interface BlobHeader {
  readonly kind: BlobKind;
  /** CRC-32 as it stands in the header, over everything behind the header (spec blob.md §1.3). */
  readonly crc32: number;
}

/** How {@link encodeBlob} may store the bytes. */
export interface EncodeBlobOptions {
  /** Whether to try compression; it is kept only where it does not make the blob longer. */
  readonly compress: boolean;
  /** Encrypts when present. */
  readonly key?: CryptKey | undefined;
}

/** What {@link decodeBlob} may produce, and what it can open. */
export interface DecodeBlobOptions {
  /** Longest plaintext that is acceptable here, in bytes. */
  readonly sizeMax: number;
  /** Opens encrypted blobs. */
  readonly key?: CryptKey | undefined;
  /** The blob as an object of "Cannot read …", for example `manifest` or `chunk 3f…`. */
  readonly what: string;
  /** Memory into which it may be decrypted or decompressed; the result may be a view of its front, or not. */
  readonly into?: Uint8Array | undefined;
  /** Lends memory of at least this size until the call returns, for what lies between decrypting and decompressing. */
  readonly scratch?: ((size: number) => Uint8Array) | undefined;
  /** `left`: the caller proves the result by its digest and does not need the weaker checksum; `checked` when absent. */
  readonly checksum?: "checked" | "left" | undefined;
  /**
   * Told, while it is decompressed, how much of `into` will not change any more: for whoever reads it meanwhile, before it is
   * known whether the rest can be decompressed. Only if `into` holds `sizeMax` and the provider can.
   */
  readonly onFilled?: ((size: number) => void) | undefined;
}

/**
 * Which kind of blob starts with these bytes; `undefined` for none.
 *
 * @param head Borrowed; {@link BLOB_MAGIC_BYTES} are enough.
 */
export function blobKindOf(head: Uint8Array): BlobKind | undefined {
  return kindByMagic.get(toHex(head.subarray(0, BLOB_MAGIC_BYTES)));
}

/**
 * Parses the header of a whole blob.
 *
 * @throws {FormatError} `FORMAT_TRUNCATED` below the length of the kind's header, `FORMAT_BAD_MAGIC`.
 * @see spec blob.md §1.1, §1.2
 */
export function parseBlobHeader(raw: Uint8Array, what: string): BlobHeader {
  if (raw.length < BLOB_HEADER_BYTES) throw truncated(raw, what, BLOB_HEADER_BYTES);
  const kind = blobKindOf(raw);
  if (!kind) throw new FormatError("FORMAT_BAD_MAGIC", what);
  if (raw.length < kind.headerBytes) throw truncated(raw, what, kind.headerBytes);
  return { kind, crc32: viewOf(raw).getUint32(CRC_OFFSET, true) };
}

/**
 * Wraps plaintext into a blob: compressed if that is not longer, then encrypted if there is a key.
 *
 * Empty data is always stored uncompressed (spec blob.md §2, §4).
 *
 * @param plain Borrowed; at most `BLOB_PLAIN_BYTES_MAX` bytes.
 * @returns Owned bytes.
 */
export function encodeBlob(
  provider: CodecProvider,
  plain: Uint8Array,
  options: EncodeBlobOptions,
): Uint8Array {
  if (plain.length > BLOB_PLAIN_BYTES_MAX) {
    throw new RangeError(`a blob of ${plain.length} bytes, at most ${BLOB_PLAIN_BYTES_MAX}`);
  }
  const compressed =
    options.compress && plain.length > 0 ? provider.zstdCompress(plain, "borrowed") : undefined;
  const isCompressed = compressed !== undefined && compressed.length <= plain.length;
  const body = isCompressed ? compressed : plain;
  if (!options.key) {
    return assemble(provider, blobKinds[isCompressed ? "compressed" : "plain"], body);
  }
  const iv = provider.randomBytes(TAG_OFFSET - IV_OFFSET);
  const { ciphertext, tag } = provider.aes256GcmEncrypt(options.key.encKey, iv, body);
  const kind = blobKinds[isCompressed ? "encrypted-compressed" : "encrypted"];
  const raw = assemble(provider, kind, ciphertext);
  raw.set(iv, IV_OFFSET);
  raw.set(tag, TAG_OFFSET);
  return raw;
}

/**
 * Unwraps a blob: checks the checksum unless told not to, decrypts, decompresses.
 *
 * Does not prove that the plaintext is the chunk that was asked for: compare `chunkDigest` for that.
 *
 * @param raw Borrowed; for the plain kind the result is a view of it.
 * @throws {FormatError} As {@link parseBlobHeader}; `FORMAT_BAD_CHECKSUM` for the CRC, `FORMAT_KEY_REQUIRED`,
 *   `FORMAT_NOT_AUTHENTIC` when it cannot be decrypted, `FORMAT_INVALID` when it cannot be decompressed,
 *   `FORMAT_OUT_OF_RANGE` above `sizeMax`.
 * @see spec blob.md §5
 */
export function decodeBlob(
  provider: CodecProvider,
  raw: Uint8Array,
  options: DecodeBlobOptions,
): Uint8Array {
  const { sizeMax, what } = options;
  const { kind, crc32 } = parseBlobHeader(raw, what);
  let body = raw.subarray(kind.headerBytes);
  if (options.checksum !== "left" && provider.crc32(body) !== crc32) {
    throw new FormatError("FORMAT_BAD_CHECKSUM", what, "the CRC-32 does not fit the data");
  }
  if (kind.isEncrypted) {
    if (!options.key) throw new FormatError("FORMAT_KEY_REQUIRED", what);
    const iv = raw.subarray(IV_OFFSET, TAG_OFFSET);
    const tag = raw.subarray(TAG_OFFSET, kind.headerBytes);
    const { encKey } = options.key;
    const target = targetOf(kind, body.length, options);
    const decrypted = provider.aes256GcmDecrypt(encKey, iv, tag, body, target);
    if (!decrypted) {
      throw new FormatError("FORMAT_NOT_AUTHENTIC", what);
    }
    body = decrypted;
  }
  if (kind.isCompressed) return decompress(provider, body, options);
  if (body.length > sizeMax) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", what, `${body.length} bytes, at most ${sizeMax}`);
  }
  return body;
}

/**
 * The same blob with a correct checksum: clients may leave it 0 in chunk uploads (spec blob.md §1.3, §6).
 *
 * @param raw Borrowed.
 * @returns `raw` itself if its checksum is right, otherwise an owned copy.
 * @throws {FormatError} As {@link parseBlobHeader}.
 */
export function withRecomputedCrc(
  provider: CodecProvider,
  raw: Uint8Array,
  what: string,
): Uint8Array {
  const { kind, crc32 } = parseBlobHeader(raw, what);
  const wanted = provider.crc32(raw.subarray(kind.headerBytes));
  if (wanted === crc32) return raw;
  const copy = raw.slice();
  viewOf(copy).setUint32(CRC_OFFSET, wanted, true);
  return copy;
}

function assemble(provider: CodecProvider, kind: BlobKind, body: Uint8Array): Uint8Array {
  const raw = new Uint8Array(kind.headerBytes + body.length);
  const view = viewOf(raw);
  view.setBigUint64(0, BigInt(`0x${kind.magicHex}`), false);
  view.setUint32(CRC_OFFSET, provider.crc32(body), true);
  raw.set(body, kind.headerBytes);
  return raw;
}

/** Where a blob is decrypted to: what is still compressed then does not leave this module. */
function targetOf(
  kind: BlobKind,
  size: number,
  { into, scratch }: DecodeBlobOptions,
): Uint8Array | undefined {
  if (kind.isCompressed) return scratch?.(size);
  return into && into.length >= size ? into : undefined;
}

function decompress(
  provider: CodecProvider,
  body: Uint8Array,
  { sizeMax, what, into, onFilled }: DecodeBlobOptions,
): Uint8Array {
  try {
    if (onFilled && into && into.length >= sizeMax && provider.zstdDecompressInSteps) {
      return provider.zstdDecompressInSteps(body, into.subarray(0, sizeMax), onFilled);
    }
    return provider.zstdDecompress(body, sizeMax, into);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(error.code, what, "its compressed data is bad", { cause: error });
  }
}

function truncated(raw: Uint8Array, what: string, size: number): FormatError {
  return new FormatError(
    "FORMAT_TRUNCATED",
    what,
    `a blob of ${raw.length} bytes, at least ${size}`,
  );
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

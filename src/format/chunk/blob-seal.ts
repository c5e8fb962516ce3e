import { type CodecProvider } from "../crypto/codec-provider.ts";
import { parseBlobHeader } from "./data-blob.ts";

/** What a blob is, byte for byte, when its header has the right checksum. */
export interface BlobSeal {
  /** CRC-32 over everything behind the header (spec blob.md §1.3). */
  readonly crc32: number;
  /** SHA-256 over the whole blob with that checksum in its header. */
  readonly sha256: Uint8Array;
}

const CRC_OFFSET = 8;
const CRC_END = 12;

/**
 * Names the bytes of a blob: the only thing that proves later that an encrypted one is what was uploaded, for whoever has no key
 * (docs/decisions/0012-seals.md).
 *
 * @param blob Borrowed, not changed; the checksum in its header is not looked at.
 * @throws {FormatError} When it has no header of a blob.
 */
export function sealBlob(provider: CodecProvider, blob: Uint8Array): BlobSeal {
  const { kind } = parseBlobHeader(blob, "blob");
  const crc32 = provider.crc32(blob.subarray(kind.headerBytes));
  const field = new Uint8Array(CRC_END - CRC_OFFSET);
  new DataView(field.buffer).setUint32(0, crc32, true);
  const sha256 = provider.sha256(blob.subarray(0, CRC_OFFSET), field, blob.subarray(CRC_END));
  return { crc32, sha256 };
}

import { decodeBlob, parseBlobHeader } from "../format/chunk/data-blob.ts";
import { type Digest } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FilledBytes } from "./filled-bytes.ts";

/** The half of a decode that makes the plaintext; the other half is a `DigestBehindTask` on the same memory. */
export interface DecodeAheadTask {
  readonly op: "decodeAhead";
  readonly blob: Uint8Array;
  /** The chunk it is said to be; not compared here. */
  readonly digest: Digest;
  readonly sizeMax: number;
  readonly checksum: "checked" | "left";
  /** Shared memory for the plaintext, at least `sizeMax` bytes. */
  readonly into: Uint8Array;
  /** Of the {@link FilledBytes} that tell how far it has come. */
  readonly filled: SharedArrayBuffer;
  readonly keyId: number | undefined;
}

/** What a codec thread lends to {@link decodeAhead}. */
export interface DecodeAheadParts {
  readonly key: CryptKey | undefined;
  readonly scratch: (size: number) => Uint8Array;
}

/**
 * Decodes a blob and tells on the way how much of the memory will not change any more.
 *
 * Proves nothing: the digest is for the other half.
 *
 * @returns Length of the plaintext.
 * @throws {FormatError} As `decodeBlob`; the other half has been told by then.
 */
export function decodeAhead(
  provider: CodecProvider,
  { blob, digest, sizeMax, checksum, into, filled }: DecodeAheadTask,
  parts: DecodeAheadParts,
): number {
  const told = new FilledBytes(filled);
  const what = `chunk ${digest}`;
  try {
    const { kind } = parseBlobHeader(blob, what);
    const plain = decodeBlob(provider, blob, {
      ...parts,
      sizeMax,
      what,
      into,
      checksum: kind.isEncrypted ? "checked" : checksum,
      onFilled: (size) => {
        told.grow(size);
      },
    });
    const isInPlace = plain.buffer === into.buffer && plain.byteOffset === into.byteOffset;
    if (!isInPlace) into.set(plain);
    told.end(plain.length);
    return plain.length;
  } finally {
    told.fail();
  }
}

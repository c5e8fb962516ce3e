import { blobKindOf, decodeBlob, parseBlobHeader } from "../format/chunk/data-blob.ts";
import { chunkDigest, type Digest } from "../format/chunk/digest.ts";
import { type CodecProvider } from "../format/crypto/codec-provider.ts";
import { type CryptKey } from "../format/crypto/crypt-key.ts";
import { FormatError } from "../format/format-error.ts";
import { type BlobSource } from "./blob-source.ts";
import { ChunkError } from "./chunk-error.ts";
import { type ChunkSource, type ReadChunkOptions } from "./chunk-source.ts";

/**
 * Opens a blob and proves that it is the chunk that was asked for: checksum, decryption, decompression, digest.
 *
 * The blob is given away. Fails with `FormatError`, or with `ChunkError` where that has been made of it already.
 */
export type DecodeChunk = (
  blob: Uint8Array,
  digest: Digest,
  options?: ReadChunkOptions,
) => Promise<Uint8Array> | Uint8Array;

/** What the reader of an archive expects of its chunks, from the manifest's `crypt-mode`. */
export type ExpectedEncryption = "encrypted" | "unencrypted" | "either";

/**
 * Turns stored bytes into proven plaintext: the only way from a {@link BlobSource} to a {@link ChunkSource}.
 *
 * Also checks that the blob is encrypted exactly if it has to be, since the digest alone does not say: otherwise whoever
 * controls the server could put plain chunks of their own into an encrypted archive (spec blob.md §5).
 * Fails with `CHUNK_CORRUPT`, or `CHUNK_UNREADABLE` when a key is needed and missing; the cause is the `FormatError`.
 */
export function decoded(
  blobs: BlobSource,
  decode: DecodeChunk,
  options: { readonly expected: ExpectedEncryption },
): ChunkSource {
  return {
    async readChunk(digest, readOptions) {
      const blob = await blobs.readBlob(digest, readOptions);
      try {
        checkEncryption(blob, digest, options.expected);
        return await decode(blob, digest, readOptions);
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        const isLocked = error.code === "FORMAT_KEY_REQUIRED";
        throw new ChunkError(isLocked ? "CHUNK_UNREADABLE" : "CHUNK_CORRUPT", digest, {
          cause: error,
        });
      }
    },
  };
}

/** What {@link decodeChunkWith} may produce, and what it can open. */
export interface DecodeChunkOptions {
  /** Longest plaintext that is acceptable, in bytes. */
  readonly sizeMax: number;
  /** Opens encrypted blobs. */
  readonly key?: CryptKey | undefined;
}

/** A {@link DecodeChunk} that works in the thread that calls it, with the given provider. */
export function decodeChunkWith(
  provider: CodecProvider,
  { sizeMax, key }: DecodeChunkOptions,
): DecodeChunk {
  return (blob, digest) => {
    const what = `chunk ${digest}`;
    const { kind } = parseBlobHeader(blob, what);
    const plain = decodeBlob(provider, blob, { sizeMax, key, what });
    // Whether the digest is keyed follows from the blob, not from the reader having a key (spec blob.md §5).
    const present = chunkDigest(provider, plain, kind.isEncrypted ? key : undefined);
    if (present !== digest) {
      throw new FormatError("FORMAT_OTHER_CHUNK", what, `its content is chunk ${present}`);
    }
    return plain;
  };
}

function checkEncryption(blob: Uint8Array, digest: Digest, expected: ExpectedEncryption): void {
  const kind = blobKindOf(blob);
  if (!kind || expected === "either") return;
  if (kind.isEncrypted !== (expected === "encrypted")) {
    throw new FormatError(
      "FORMAT_OTHER_ENCRYPTION",
      `chunk ${digest}`,
      `it is ${kind.name}, the archive's chunks have to be ${expected}`,
    );
  }
}

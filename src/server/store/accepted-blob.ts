import { type Digest, digestOfBytes } from "../../format/chunk/digest.ts";
import {
  type BlobKind,
  decodeBlob,
  parseBlobHeader,
  withRecomputedCrc,
} from "../../format/chunk/data-blob.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { FormatError } from "../../format/format-error.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";

/** Only this module can write this property, so only it can make accepted blobs. */
const accepted: unique symbol = Symbol("accepted");

/**
 * An uploaded blob that passed every check a server can make; the store takes nothing else.
 *
 * Made by {@link acceptChunk} and {@link acceptFileBlob} only.
 */
export interface AcceptedBlob {
  readonly [accepted]: true;
  /** The blob as it will be stored; never changed afterwards. */
  readonly bytes: Uint8Array;
  readonly kind: BlobKind;
}

/** An accepted chunk: if it is not encrypted, its plaintext is proven to have the digest and the length. */
export interface AcceptedChunk extends AcceptedBlob {
  readonly digest: Digest;
  /** Bytes of plaintext; on trust if the chunk is encrypted. */
  readonly size: number;
  /** SHA-256 of the bytes, of an encrypted chunk only: what proves it later (docs/decisions/0012-seals.md). */
  readonly seal: Uint8Array | undefined;
}

/**
 * Where the expensive part of accepting a chunk runs: usually a pool of threads.
 *
 * For an unencrypted blob it proves that the data decompresses to exactly `size` bytes that have the digest; for an
 * encrypted one it cannot. The checksum in the blob's header is not looked at (spec blob.md §6).
 */
export interface ChunkVerifier {
  /**
   * Checks one blob whose structure has been checked; borrowed, may lie in shared memory.
   *
   * @throws {FormatError} When it is not that chunk.
   */
  verify(blob: Uint8Array, digest: Digest, size: number): Promise<ChunkProof>;
}

/** What is known of a blob that was verified. */
export interface ChunkProof {
  /** CRC-32 over everything behind the blob's header, of any kind of blob. */
  readonly crc32: number;
  /** SHA-256 over the blob with that checksum in its header, of an encrypted one only. */
  readonly seal: Uint8Array | undefined;
}

/** A chunk upload, with its whole body. */
export interface ChunkClaim {
  /** What the client says the plaintext's digest is. */
  readonly digest: Digest;
  /** What the client says the plaintext's length is. */
  readonly size: number;
  /** Owned: its checksum is overwritten with the right one. */
  readonly body: Uint8Array;
}

const CRC_OFFSET = 8;

/**
 * Accepts a chunk: structure, and for unencrypted ones length and digest; the checksum is recomputed (spec
 * backup-protocol.md §4.3).
 *
 * @throws {FormatError} When anything does not fit.
 */
export async function acceptChunk(
  claim: ChunkClaim,
  verifier: ChunkVerifier,
): Promise<AcceptedChunk> {
  const { body, digest, size } = claim;
  const what = `chunk ${digest}`;
  const { kind } = parseBlobHeader(body, what);
  if (size < 1 || size > CHUNK_BYTES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", what, `a chunk of ${size} bytes`);
  }
  const { crc32, seal } = await verifier.verify(body, digest, size);
  new DataView(body.buffer, body.byteOffset).setUint32(CRC_OFFSET, crc32, true);
  return { [accepted]: true, bytes: body, kind, digest, size, seal };
}

/**
 * Accepts a small file: it must be a blob whose checksum fits (spec backup-protocol.md §4.8).
 *
 * Runs in this thread: such blobs are small and rare.
 *
 * @param body Owned.
 * @throws {FormatError} When it is not such a blob.
 */
export function acceptFileBlob(body: Uint8Array, name: string, codec: CodecProvider): AcceptedBlob {
  const { kind, crc32 } = parseBlobHeader(body, `blob "${name}"`);
  if (codec.crc32(body.subarray(kind.headerBytes)) !== crc32) {
    throw new FormatError("FORMAT_BAD_CHECKSUM", `blob "${name}"`);
  }
  return { [accepted]: true, bytes: body, kind };
}

/** Verifies in the calling thread: for tests and tools; a server uses threads. */
export function inlineChunkVerifier(codec: CodecProvider): ChunkVerifier {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- other verifiers do wait
    verify: async (blob, digest, size) => {
      const what = `chunk ${digest}`;
      const sound = withRecomputedCrc(codec, blob, what);
      const { kind, crc32 } = parseBlobHeader(sound, what);
      if (kind.isEncrypted) return { crc32, seal: codec.sha256(sound) };
      const plain = decodeBlob(codec, sound, { sizeMax: size, what });
      if (plain.length !== size) {
        throw new FormatError(
          "FORMAT_INVALID",
          what,
          `its length is ${plain.length}, announced was ${size}`,
        );
      }
      const found = digestOfBytes(codec.sha256(plain));
      if (found !== digest)
        throw new FormatError("FORMAT_BAD_CHECKSUM", what, `its content is chunk ${found}`);
      return { crc32, seal: undefined };
    },
  };
}

import { parseBlobHeader } from "../../format/chunk/data-blob.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkProof, type ChunkVerifier } from "./accepted-blob.ts";
import { type BlobStore } from "./blob-store.ts";

/** What a stored chunk turned out to be. */
export interface SoundChunk {
  readonly isEncrypted: boolean;
  readonly proof: ChunkProof;
  /** `needless` for a chunk that is not encrypted: its name is its proof. */
  readonly seal: "needless" | "fits" | "none";
}

/**
 * Fails unless a stored blob is the chunk that it should be.
 *
 * An encrypted one is compared with the digest that was recorded of it, if there is one; without, its checksum is all there is.
 *
 * @throws {FormatError} When it is not.
 */
export async function requireSoundChunk(
  { verifier, blobs }: { readonly verifier: ChunkVerifier; readonly blobs: BlobStore },
  blob: Uint8Array,
  { digest, size }: { readonly digest: Digest; readonly size: number },
): Promise<SoundChunk> {
  const what = `chunk ${digest}`;
  const { kind, crc32 } = parseBlobHeader(blob, what);
  const proof = await verifier.verify(blob, digest, size);
  if (proof.crc32 !== crc32) throw new FormatError("FORMAT_BAD_CHECKSUM", what);
  if (!proof.seal) return { isEncrypted: kind.isEncrypted, proof, seal: "needless" };
  const recorded = await blobs.readSeal(digest);
  if (!recorded) return { isEncrypted: true, proof, seal: "none" };
  if (Buffer.compare(recorded, proof.seal) === 0) return { isEncrypted: true, proof, seal: "fits" };
  throw new FormatError("FORMAT_BAD_CHECKSUM", what, "its bytes are not those that were recorded");
}

import { type ByteSource } from "../../chunks/byte-source.ts";
import { cached } from "../../chunks/cached.ts";
import { coalesced } from "../../chunks/coalesced.ts";
import { decoded } from "../../chunks/decoded.ts";
import { indexedByteSource } from "../../chunks/indexed-byte-source.ts";
import { ResidentChunks } from "../../chunks/resident-chunks.ts";
import { type BlobSource } from "../../chunks/blob-source.ts";
import { ChunkError } from "../../chunks/chunk-error.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type CodecProvider } from "../../format/crypto/codec-provider.ts";
import { type CryptKey } from "../../format/crypto/crypt-key.ts";
import { type ChunkIndex, indexCsum } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../format/index/fixed-index.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { checkKeyForFile, checkListedFile } from "../../format/manifest/listed-file.ts";
import { manifestFile } from "../../format/manifest/manifest-summary.ts";
import { type Manifest } from "../../format/manifest/manifest.ts";
import { type ArchiveName, archiveKindOf } from "../../format/snapshot/archive-name.ts";
import { type SnapshotPlace } from "../api/snapshot-place.ts";
import { fetchChunk, fetchStored, VaultFetchError } from "./vault-fetch.ts";
import { decodeByWebCrypto } from "./web-crypto-decode.ts";

/** Chunks fetched at the same time for one read; a browser has six connections to a server. */
const READS_MAX = 4;

/** Plaintext kept of one archive. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** An archive that is read in this worker: any part of it, proven chunk by chunk. */
export interface VaultArchive {
  readonly bytes: ByteSource;
  readonly resident: ResidentChunks;
}

/** What an archive is opened with. */
export interface VaultArchiveOptions {
  readonly provider: CodecProvider;
  readonly place: SnapshotPlace;
  readonly manifest: Manifest;
  readonly key: CryptKey | undefined;
}

/**
 * Opens an archive by its index, which must be the one that the manifest lists.
 *
 * @throws {FormatError} `FORMAT_KEY_REQUIRED`, `FORMAT_NOT_AS_LISTED`, and as the parsers of indexes.
 */
export async function openVaultArchive(
  name: ArchiveName,
  { provider, place, manifest, key }: VaultArchiveOptions,
): Promise<VaultArchive> {
  const listed = manifestFile(manifest, name);
  if (!listed) throw new VaultFetchError(404, `the snapshot has no "${name}"`);
  checkKeyForFile(manifest, listed, key);
  const file = await fetchStored(place, name);
  const index = archiveKindOf(name) === "fixed" ? parseFixedIndex(file) : parseDynamicIndex(file);
  checkListedFile(listed, { size: index.size, csum: indexCsum(provider, index) });
  const { noted, blobs } = numberedBlobs(index, place, name);
  const isEncrypted = listed.cryptMode === "encrypt";
  const chunks = cached(
    coalesced(
      decoded(blobs, decodeByWebCrypto(provider, { sizeMax: CHUNK_BYTES_MAX, key }), {
        expected: isEncrypted ? "encrypted" : "unencrypted",
      }),
    ),
    { bytesMax: CACHE_BYTES },
  );
  return {
    bytes: indexedByteSource(noted, chunks, { inFlightMax: READS_MAX }),
    resident: new ResidentChunks(noted, chunks, { bytesMax: CACHE_BYTES, inFlightMax: READS_MAX }),
  };
}

/** Readers name chunks by digest, the server wants positions: whoever asks the index for one is remembered. */
function numberedBlobs(
  index: ChunkIndex,
  place: SnapshotPlace,
  name: ArchiveName,
): { readonly noted: ChunkIndex; readonly blobs: BlobSource } {
  const positions = new Map<Digest, number>();
  const noted: ChunkIndex = {
    ...index,
    digestAt(i) {
      const digest = index.digestAt(i);
      positions.set(digest, i);
      return digest;
    },
  };
  const blobs: BlobSource = {
    async readBlob(digest) {
      const position = positions.get(digest);
      if (position === undefined) throw new ChunkError("CHUNK_MISSING", digest);
      return await fetchChunk(place, name, position);
    },
  };
  return { noted, blobs };
}

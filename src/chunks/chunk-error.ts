import { BackupError } from "../format/backup-error.ts";
import { type Digest } from "../format/chunk/digest.ts";

/** Every way a chunk read can fail for a reason the caller may act on. */
export const chunkErrorMeanings = {
  CHUNK_MISSING: "the source does not hold the chunk",
  CHUNK_UNREADABLE: "the source cannot hand out the chunk now",
  CHUNK_CORRUPT: "the bytes are not the chunk that was asked for",
} as const;

/** Stable identifier of a {@link ChunkError}. */
export type ChunkErrorCode = keyof typeof chunkErrorMeanings;

/** Thrown by everything that hands out blobs or chunks. */
export class ChunkError extends BackupError {
  override readonly code: ChunkErrorCode;
  /** Chunk that was asked for. */
  readonly digest: Digest;

  constructor(code: ChunkErrorCode, digest: Digest, options?: ErrorOptions) {
    super(`Cannot read chunk ${digest}: ${chunkErrorMeanings[code]}`, options);
    this.code = code;
    this.digest = digest;
  }
}

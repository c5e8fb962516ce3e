import { ChunkError } from "../../chunks/chunk-error.ts";
import { type ArchiveName } from "../../format/snapshot/archive-name.ts";
import { ApiError } from "../session/api-error.ts";

/** A part of an archive that cannot be restored, because the server's copy of a chunk is missing or damaged. */
export interface RestoreDamage {
  /** Index on the server that names the chunk. */
  readonly index: ArchiveName;
  /** Path of the file in the archive, any bytes; absent for an image. */
  readonly path?: Uint8Array;
  /** Bytes of an image that are concerned; the end is exclusive. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Why the chunk cannot be had: a {@link ChunkError}, which names it. */
  readonly cause: unknown;
}

/**
 * Whether a failed read of a chunk concerns this chunk alone, so that others are worth reading.
 *
 * A server that is gone, a missing key and our own mistakes concern all of them.
 */
export function isChunkDamage(error: unknown): boolean {
  if (!(error instanceof ChunkError)) return false;
  // Servers answer 400 for a chunk that they cannot read (spec reader-protocol.md §3.2).
  return error.code !== "CHUNK_UNREADABLE" || error.cause instanceof ApiError;
}

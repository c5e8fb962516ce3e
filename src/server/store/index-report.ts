import { type ChunkUploadStats } from "../../format/manifest/manifest-summary.ts";

/** What a client claims when it closes an index (spec backup-protocol.md §4.6, §4.7). */
export interface IndexClose {
  readonly chunkCount: number;
  /** Bytes of the archive. */
  readonly size: number;
  /** Checksum over the entries, 64 lower-case hexadecimal digits (spec index.md §3). */
  readonly csum: string;
}

/** No uploads. */
export const NO_UPLOADS: ChunkUploadStats = { count: 0, size: 0, compressedSize: 0, duplicates: 0 };

/** Sum of two upload statistics. */
export function addUploads(a: ChunkUploadStats, b: ChunkUploadStats): ChunkUploadStats {
  return {
    count: a.count + b.count,
    size: a.size + b.size,
    compressedSize: a.compressedSize + b.compressedSize,
    duplicates: a.duplicates + b.duplicates,
  };
}

/** A closed index, for the task log (spec backup-protocol.md §6). */
export interface IndexReport {
  /** Name of the archive. */
  readonly archive: string;
  /** 32 hexadecimal digits. */
  readonly uuid: string;
  readonly csum: string;
  readonly size: number;
  /** Number of appends. */
  readonly chunkCount: number;
  readonly uploads: ChunkUploadStats;
}

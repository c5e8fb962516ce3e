/**
 * What a packing thread counts: entries of any kind, regular files, bytes of content read, and the files and bytes
 * of content that were taken over without reading.
 */
export const packCounterFields = [
  "entries",
  "files",
  "readBytes",
  "reusedFiles",
  "reusedBytes",
] as const;

/** One of {@link packCounterFields}. */
export type PackCounter = (typeof packCounterFields)[number];

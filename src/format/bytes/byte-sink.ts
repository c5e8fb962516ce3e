/**
 * Where produced bytes go, front to back: a growing array, a chunk under construction, a file.
 *
 * Implementers copy or consume `bytes` before returning; callers may reuse them at once.
 */
export interface ByteSink {
  /** Bytes written so far: the archive offset of the next byte. */
  readonly position: number;
  /** Appends borrowed bytes. */
  write(bytes: Uint8Array): void;
}

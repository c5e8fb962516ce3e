import { type ByteSink } from "../../format/bytes/byte-sink.ts";
import { type KnownChunk } from "../../chunks/chunk-stream.ts";

/**
 * A stream into which file content is read directly and existing chunks are put: `ChunkCutter` is one.
 *
 * Checked with the tests of `TreeEncoder`, which run over a cutter and over a sink in memory.
 */
export interface PayloadStream extends ByteSink {
  /** Free space for 1 to `size` next bytes, borrowed; see `ChunkCutter.reserve`. */
  reserve(size: number): Uint8Array;
  /** Adds the first bytes of the space reserved last. */
  commit(size: number): void;
  /** Says that a file starts at this stream offset. */
  suggestBoundary?(offset: number): void;
  /** Puts existing chunks behind what was written. */
  inject(entries: readonly KnownChunk[]): void;
}

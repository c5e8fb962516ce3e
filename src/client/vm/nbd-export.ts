import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { indexedByteSource } from "../../chunks/indexed-byte-source.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { type NbdExtent } from "./nbd-client.ts";
import { allocation } from "./nbd-wire.ts";

/** Something that an {@link NbdServer} hands out, read-only. */
export interface NbdExport {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Reads a range that lies in it. */
  read(offset: number, size: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Which parts of a range that lies in it are holes; together exactly the range, unless there are too many of them. */
  extents(offset: number, size: number): readonly NbdExtent[];
}

/** Most extents of one answer; the client asks again behind them. */
const EXTENTS_MAX = 4096;

/** Chunks of one read that are fetched at the same time. */
const IN_FLIGHT_MAX = 8;

/**
 * An image in a snapshot.
 *
 * Chunks of zeros are holes and are never fetched. Whoever reads on where the last read ended gets the chunk behind fetched in
 * advance; so `chunks` should keep what it has read.
 *
 * @param zeroDigest Name of a chunk of zeros as long as the first one.
 */
export function imageExport(
  name: string,
  index: ChunkIndex,
  { chunks, zeroDigest }: { readonly chunks: ChunkSource; readonly zeroDigest: Digest },
): NbdExport {
  const zeros = new Uint8Array(index.endOf(0));
  const fetched: ChunkSource = {
    readChunk: async (digest, options) =>
      digest === zeroDigest ? zeros : await chunks.readChunk(digest, options),
  };
  const bytes = indexedByteSource(index, fetched, { inFlightMax: IN_FLIGHT_MAX });
  let readEnd = 0;
  return {
    name,
    size: index.size,
    read: async (offset, size, signal) => {
      const isSequential = offset === readEnd;
      readEnd = offset + size;
      const next = index.findIndex(readEnd) + 1;
      if (isSequential && next < index.count) {
        fetched.readChunk(index.digestAt(next)).catch(() => undefined); // Whoever reads it for good sees the error.
      }
      return await bytes.readAt(offset, size, { signal });
    },
    extents: (offset, size) => {
      const extents: { size: number; flags: number }[] = [];
      const end = offset + size;
      for (let i = index.findIndex(offset), at = offset; at < end; i++) {
        const flags = index.digestAt(i) === zeroDigest ? allocation.hole | allocation.zero : 0;
        const stop = Math.min(index.endOf(i), end);
        const last = extents.at(-1);
        if (last?.flags === flags) last.size += stop - at;
        else if (extents.length === EXTENTS_MAX) break;
        else extents.push({ size: stop - at, flags });
        at = stop;
      }
      return extents;
    },
  };
}

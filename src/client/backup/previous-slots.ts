import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";

/** Memory for chunks of the previous metadata archive. */
export interface PreviousSlots {
  /** Bytes of a slot: the longest chunk, in whole pages. */
  readonly slotBytes: number;
  readonly slotCount: number;
  /** Chunks that the packing thread holds: tables of the directories on the path, and what is being read. */
  readonly keptMax: number;
  /** Chunks that are read before they are asked for. */
  readonly aheadMax: number;
}

const PAGE_BYTES = 4096;

/** Chunks up to this length count as short: four times the average of those that this program makes of metadata. */
const SHORT_BYTES_MAX = 2 * 1024 * 1024;

/**
 * How many chunks of a metadata archive to hold: few of the long ones that other clients make, else enough to wait
 * for none of them.
 */
export function previousSlots(
  index: Pick<ChunkIndex, "count" | "startOf" | "endOf">,
): PreviousSlots {
  let longest = 1;
  for (let i = 0; i < index.count; i++) {
    longest = Math.max(longest, index.endOf(i) - index.startOf(i));
  }
  // A longer one is none that can be read.
  const bytes = Math.min(longest, CHUNK_BYTES_MAX);
  const { keptMax, aheadMax } =
    bytes <= SHORT_BYTES_MAX ? { keptMax: 8, aheadMax: 6 } : { keptMax: 2, aheadMax: 1 };
  return {
    slotBytes: Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES,
    // One more is asked for, and one is at the other end of the archive.
    slotCount: keptMax + aheadMax + 2,
    keptMax,
    aheadMax,
  };
}

import { setImmediate } from "node:timers/promises";

import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { type KnownChunks } from "./known-chunks.ts";

/** Entries registered between two yields to other work: some five milliseconds. */
const ENTRIES_AT_ONCE = 16_384;

/** Makes all chunks of an index known, with the lengths that the index gives them. */
export async function registerIndex(known: KnownChunks, index: ChunkIndex): Promise<void> {
  for (let i = 0; i < index.count; i++) {
    if (i > 0 && i % ENTRIES_AT_ONCE === 0) await setImmediate();
    known.addBytes(index.digestBytesAt(i), index.endOf(i) - index.startOf(i));
  }
}

import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { parseFixedIndex } from "../../format/index/fixed-index.ts";
import { type StoredFile } from "./store-backend.ts";

/**
 * Reads a whole index from an open file: 40 or 32 bytes of memory a chunk.
 *
 * @throws {FormatError} When it is no index of that kind.
 */
export async function readStoredIndex(
  file: StoredFile,
  kind: ChunkIndex["kind"],
): Promise<ChunkIndex> {
  const bytes = await file.readAt(0, file.size);
  return kind === "dynamic" ? parseDynamicIndex(bytes) : parseFixedIndex(bytes);
}

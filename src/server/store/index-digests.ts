import { DIGEST_BYTES } from "../../format/chunk/digest.ts";
import { FormatError } from "../../format/format-error.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { checkDynamicEnds, DYNAMIC_ENTRY_BYTES } from "../../format/index/dynamic-index.ts";
import { checkFixedHeader } from "../../format/index/fixed-index.ts";
import { INDEX_HEADER_BYTES, parseIndexHeader } from "../../format/index/index-header.ts";
import { type StoredFile } from "./store-backend.ts";

/** Entries read at once: some 64 KiB. */
const ENTRIES_AT_ONCE = 1600;

/** Digests of some successive entries of an index. */
export interface DigestBlock {
  /** A digest lies at `first`, the next one `stride` bytes behind it. Owned. */
  readonly bytes: Uint8Array;
  readonly first: number;
  readonly stride: number;
  readonly count: number;
  /** Bytes of the archive up to the end of these entries. */
  readonly sizeSoFar: number;
}

/**
 * Reads the digests of an index of any size block by block, for work that must not hold one in memory.
 *
 * Checks what `parseDynamicIndex` and `parseFixedIndex` check, so a fault may come after some blocks.
 *
 * @throws {FormatError} When it is no index of that kind.
 */
export async function* indexDigests(
  file: StoredFile,
  kind: ChunkIndex["kind"],
): AsyncGenerator<DigestBlock, void, void> {
  const header = parseIndexHeader(await file.readAt(0, INDEX_HEADER_BYTES), kind);
  const entryBytes = file.size - INDEX_HEADER_BYTES;
  const count =
    kind === "dynamic" ? dynamicCount(entryBytes) : checkFixedHeader(header, entryBytes);
  const stride = kind === "dynamic" ? DYNAMIC_ENTRY_BYTES : DIGEST_BYTES;
  let size = 0;
  for (let from = 0; from < count; from += ENTRIES_AT_ONCE) {
    const wanted = Math.min(ENTRIES_AT_ONCE, count - from);
    const bytes = await file.readAt(INDEX_HEADER_BYTES + from * stride, wanted * stride);
    if (bytes.length !== wanted * stride) {
      throw new FormatError("FORMAT_TRUNCATED", `${kind} index`, "it ends before its last entry");
    }
    size =
      kind === "dynamic"
        ? checkDynamicEnds(bytes, { start: size, first: from })
        : Math.min(header.size, (from + wanted) * header.chunkBytes);
    yield { bytes, first: stride - DIGEST_BYTES, stride, count: wanted, sizeSoFar: size };
  }
}

function dynamicCount(entryBytes: number): number {
  if (entryBytes === 0)
    throw new FormatError("FORMAT_INVALID", "dynamic index", "it has no entries");
  if (entryBytes % DYNAMIC_ENTRY_BYTES !== 0) {
    throw new FormatError("FORMAT_TRUNCATED", "dynamic index", "the last entry is cut off");
  }
  return entryBytes / DYNAMIC_ENTRY_BYTES;
}

import { LRUCache } from "lru-cache";

import { CHUNK_BYTES_MAX } from "../format/limits.ts";
import { ITEM_HEADER_BYTES } from "../format/pxar/item.ts";
import { type PxarFile } from "../format/pxar/node.ts";
import { checkPayloadHeader } from "../format/pxar/tree-reader.ts";
import { type ChunkedBytes } from "./chunked-bytes.ts";

/** Files whose payload header was checked and need not be looked at again. */
const CHECKED_MAX = 4096;

/** Content of the files of one archive. */
export interface FileContent {
  /** Pieces of a file from `offset`, at most `size` bytes together, less only at its end; borrowed. */
  read(file: PxarFile, offset: number, size: number): readonly Uint8Array[];
  /** Start of the next data or hole at or after `offset`; the size of the file when there is none. */
  find(what: "data" | "hole", file: PxarFile, offset: number): number;
  /** Bytes of a file that are holes. */
  zeroBytes(file: PxarFile): number;
}

/**
 * Reads content where the archive has it: in place, or in the payload archive of a split one.
 *
 * Before the first byte of a file is handed out, the header in front of it has to fit the entry: a reference into the
 * wrong place gives EIO, never another file's bytes.
 *
 * Holes are chunks that are known to be zeros; only those of the greatest length are found between two cuts, so
 * shorter files have none.
 *
 * @param open Opens the archive that holds content; called when content is first wanted, restartable.
 */
export function fileContent(open: () => ChunkedBytes): FileContent {
  const checked = new LRUCache<number, true>({ max: CHECKED_MAX });
  return {
    read(file, offset, size) {
      const wanted = Math.min(size, file.size - offset);
      if (wanted <= 0) return [];
      const bytes = open();
      const { headerOffset, offset: start } = file.payload;
      const end = start + file.size;
      if (file.payload.archive === "payload" && !checked.has(file.nameOffset)) {
        const context = { end, isStart: offset === 0 };
        const [first] = bytes.pieces(headerOffset, ITEM_HEADER_BYTES, context);
        const header =
          first?.length === ITEM_HEADER_BYTES ? first : bytes.read(headerOffset, ITEM_HEADER_BYTES);
        checkPayloadHeader(header, file.size);
        checked.set(file.nameOffset, true);
      }
      return bytes.pieces(start + offset, wanted, { end, isStart: offset === 0 });
    },
    find(what, { size, payload }, offset) {
      if (size < CHUNK_BYTES_MAX) return what === "data" ? offset : size;
      const { offset: start } = payload;
      return open().find(what, start + offset, start + size) - start;
    },
    zeroBytes({ size, payload }) {
      if (size < CHUNK_BYTES_MAX) return 0;
      return open().zeroBytesIn(payload.offset, payload.offset + size);
    },
  };
}

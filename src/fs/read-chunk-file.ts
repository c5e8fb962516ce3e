import fs from "node:fs/promises";

import { type ReadBlobOptions } from "../chunks/blob-source.ts";
import { BLOB_UPLOAD_BYTES_MAX } from "../format/limits.ts";

/** Shortest file that is read in two halves: below that, a second call costs what it saves. */
const HALVES_BYTES_MIN = 512 * 1024;

/** How a file of a datastore is read. */
export interface ReadChunkFileOptions extends Pick<ReadBlobOptions, "allocate"> {
  /** Whether nothing else is being read; asked when the bytes are about to come. */
  readonly isAlone: () => boolean;
}

/**
 * A file's bytes, in the memory that is offered if they fit.
 *
 * A long one in two halves at once if it is alone: what the system has in memory takes as long as copying does, and two cores
 * do that in half the time. Nothing is written to the memory once the promise has settled.
 *
 * @throws `RangeError` for what is too long for a chunk; what the system says.
 */
export async function readChunkFile(
  file: string,
  { allocate, isAlone }: ReadChunkFileOptions,
): Promise<Uint8Array> {
  const handle = await fs.open(file);
  try {
    const { size } = await handle.stat();
    if (size > BLOB_UPLOAD_BYTES_MAX) {
      throw new RangeError(`${size} bytes are too long for a chunk`);
    }
    const offered = allocate?.(size);
    const bytes = offered && offered.length >= size ? offered : new Uint8Array(size);
    const middle = size >= HALVES_BYTES_MIN && isAlone() ? size >>> 1 : size;
    const [front, back] = await Promise.allSettled([
      readRange(handle, bytes, 0, middle),
      readRange(handle, bytes, middle, size),
    ]);
    if (front.status === "rejected") throw front.reason;
    if (back.status === "rejected") throw back.reason;
    return bytes.subarray(0, front.value === middle ? back.value : front.value);
  } finally {
    // Whoever waits for the bytes need not wait for this: a file that was only read has nothing to lose.
    void handle.close().catch(() => undefined);
  }
}

/** Reads until `end` or the end of the file; returns where that was. */
async function readRange(
  handle: fs.FileHandle,
  bytes: Uint8Array,
  start: number,
  end: number,
): Promise<number> {
  let done = start;
  while (done < end) {
    const { bytesRead } = await handle.read(bytes, done, end - done, done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

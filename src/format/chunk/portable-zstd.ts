import { decompress } from "fzstd";
import { boundedDecompress, checkStatedSize } from "./zstd-bounds.ts";
import { zstdFrameSize } from "./zstd-frame-size.ts";
import { type ZstdFrame, zstdFrames } from "./zstd-frames.ts";

/** A frame header that states the plain size in four bytes: magic number, descriptor, size. */
const HEADER_BYTES = 9;
const SINGLE_SEGMENT_SIZE_4 = 0xa0;
const HAS_CHECKSUM = 0x04;

/**
 * Decompresses zstd frames in plain JavaScript (fzstd), for browsers and where no library could be loaded.
 *
 * fzstd trusts its input: some 20 bytes can keep it busy for ten seconds or for ever. So each frame is measured first, and
 * fzstd sees only what has been found to end, with exactly its size. Memory is bounded by `sizeMax`, time by the bytes
 * read and written. Dictionaries are not supported, and the optional checksum of a frame is not compared: a chunk's
 * digest proves more.
 *
 * @returns Owned bytes.
 * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see RFC 8878, docs/decisions/0004-zstd-and-crypto.md
 */
export function portableZstdDecompress(compressed: Uint8Array, sizeMax: number): Uint8Array {
  return boundedDecompress(compressed, { sizeMax }, (target, frames) => {
    let position = 0;
    for (const frame of zstdFrames(frames)) {
      const size = zstdFrameSize(frames, frame, target.length - position);
      checkStatedSize(frame, size);
      target.set(decompress(withStatedSize(frames, frame, size)), position);
      position += size;
    }
    return position;
  });
}

/**
 * The frame with a header that states its size and no window: fzstd then allocates the size and no more, where it
 * would else allocate, and move with every block, the window that the header declares.
 */
function withStatedSize(bytes: Uint8Array, frame: ZstdFrame, size: number): Uint8Array {
  const copy = new Uint8Array(HEADER_BYTES + frame.end - frame.blocksStart);
  copy.set(bytes.subarray(frame.start, frame.start + 4));
  copy[4] = SINGLE_SEGMENT_SIZE_4 | ((bytes[frame.start + 4] ?? 0) & HAS_CHECKSUM);
  for (let i = 0; i < 4; i++) copy[5 + i] = size >>> (8 * i);
  copy.set(bytes.subarray(frame.blocksStart, frame.end), HEADER_BYTES);
  return copy;
}

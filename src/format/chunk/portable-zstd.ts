import { boundedDecompress, checkStatedSize } from "./zstd-bounds.ts";
import { ZstdBlocks } from "./zstd-block.ts";
import { type ZstdFrame, zstdBlocks, zstdFrames } from "./zstd-frames.ts";

/**
 * Decompresses zstd frames in plain JavaScript, for browsers and where no library could be loaded.
 *
 * Written for hostile input: memory is bounded by `sizeMax`, time by the bytes read and written. An npm package for this exists
 * (fzstd); 74 bytes can keep it busy for seconds, and it gives wrong bytes instead of an error for some damage.
 * Dictionaries are not supported, and the optional checksum of a frame is not compared: a chunk's digest proves more.
 *
 * @returns Owned bytes.
 * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 * @see RFC 8878
 */
export function portableZstdDecompress(compressed: Uint8Array, sizeMax: number): Uint8Array {
  return boundedDecompress(compressed, sizeMax, (target, frames) => {
    let position = 0;
    for (const frame of zstdFrames(frames)) {
      const end = decodeFrame(frames, frame, target, position);
      checkStatedSize(frame, end - position);
      position = end;
    }
    return position;
  });
}

function decodeFrame(
  bytes: Uint8Array,
  frame: ZstdFrame,
  target: Uint8Array,
  position: number,
): number {
  const { blockMax } = frame;
  const blocks = new ZstdBlocks(bytes, target, { position, blockMax });
  for (const { kind, start, end, size } of zstdBlocks(bytes, frame)) {
    if (kind === "raw") blocks.raw(start, end);
    else if (kind === "repeated") blocks.repeat(bytes[start] ?? 0, size);
    else blocks.compressed(start, end);
  }
  return blocks.position;
}

import { Decompress } from "fzstd";
import { FormatError } from "../format-error.ts";
import { type ZstdFrame, zstdFrames } from "./zstd-frames.ts";

const WHAT = "zstd data";

/**
 * Decompresses zstd frames in plain JavaScript, for browsers and as a last resort.
 *
 * About a tenth as fast as the native libraries, and does not check frame checksums. Output and window memory are
 * bounded by what the block headers allow, but the time spent inside one malformed block is not: do not run it on a
 * server on bytes from strangers.
 *
 * @returns Owned bytes.
 * @throws {FormatError} `FORMAT_INVALID`, `FORMAT_OUT_OF_RANGE`.
 */
export function portableZstdDecompress(compressed: Uint8Array, sizeMax: number): Uint8Array {
  let sizeLow = 0;
  for (const frame of zstdFrames(compressed)) {
    sizeLow += frame.statedSize ?? frame.sizeMin;
    if (sizeLow > sizeMax) throw tooLarge(sizeMax);
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (const frame of zstdFrames(compressed)) {
    const sizeBefore = size;
    decodeFrame(compressed, frame, (piece) => {
      size += piece.length;
      if (size > sizeMax) throw tooLarge(sizeMax);
      pieces.push(piece);
    });
    if (frame.statedSize !== undefined && frame.statedSize !== size - sizeBefore) {
      throw new FormatError("FORMAT_INVALID", WHAT, "the stated size is wrong");
    }
  }
  const plain = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    plain.set(piece, offset);
    offset += piece.length;
  }
  return plain;
}

function decodeFrame(
  compressed: Uint8Array,
  frame: ZstdFrame,
  emit: (piece: Uint8Array) => void,
): void {
  const stream = new Decompress((piece) => {
    emit(piece);
  });
  const bytes = withSmallWindow(compressed, frame);
  try {
    stream.push(bytes, true);
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError("FORMAT_INVALID", WHAT, undefined, { cause: error });
  }
}

/**
 * The frame with a window no larger than its data.
 *
 * The library allocates and moves the whole stated window; a match cannot reach further back than there is data, so
 * the smallest window that holds all of it means the same.
 */
function withSmallWindow(compressed: Uint8Array, frame: ZstdFrame): Uint8Array {
  const bytes = compressed.slice(frame.start, frame.end);
  const isSingleSegment = ((bytes[4] ?? 0) & 0x20) !== 0;
  if (isSingleSegment || frame.windowSize <= frame.sizeMax) return bytes;
  const exponent = Math.max(0, Math.ceil(Math.log2(Math.max(1, frame.sizeMax))) - 10);
  // Not below 128 KiB, so that the largest allowed block stays the same.
  const descriptor = Math.max(exponent, 7) << 3;
  if (descriptor < (bytes[5] ?? 0)) bytes[5] = descriptor;
  return bytes;
}

function tooLarge(sizeMax: number): FormatError {
  return new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `more than ${sizeMax} bytes of plain data`);
}

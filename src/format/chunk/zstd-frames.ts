import { FormatError } from "../format-error.ts";

/** One zstd frame as its headers describe it; nothing in it has been decompressed yet. */
export interface ZstdFrame {
  /** Offset of the frame's magic number. */
  readonly start: number;
  /** Offset behind the frame. */
  readonly end: number;
  /** Plain size the header states, if it states one. */
  readonly statedSize: number | undefined;
  /** Bytes of history a match may reach back into, as stated. */
  readonly windowSize: number;
  /** Plain size of the raw and run-length blocks: the frame has at least this much. */
  readonly sizeMin: number;
  /** What the blocks can hold at most; equals {@link sizeMin} unless there are compressed blocks. */
  readonly sizeMax: number;
}

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 128 * 1024;
/** What zstd's streaming decoder accepts unless told otherwise, so that all libraries agree; no blob can need more. */
const WINDOW_BYTES_MAX = 128 * 1024 * 1024;
const WHAT = "zstd data";

/**
 * Walks the frames and block headers of zstd data without decompressing; skippable frames are left out.
 *
 * This is what makes hostile data cheap: truncation, trailing bytes and a stated size that the blocks cannot hold
 * are found before anything is allocated. The cost is three bytes read per block of up to 128 KiB of plain data.
 *
 * @throws {FormatError} `FORMAT_INVALID` unless `compressed` consists of whole frames, `FORMAT_OUT_OF_RANGE` for a
 *   window above 128 MiB.
 * @see RFC 8878 §3.1 (frames, blocks), spec blob.md §2
 */
export function* zstdFrames(compressed: Uint8Array): Generator<ZstdFrame, void, void> {
  let offset = 0;
  if (compressed.length === 0) throw invalid("no frame");
  while (offset < compressed.length) {
    const magic = uint(compressed, offset, 4);
    if (magic >>> 4 === SKIPPABLE_MAGIC >>> 4) {
      offset += 8 + uint(compressed, offset + 4, 4);
      if (offset > compressed.length) throw invalid("a skippable frame is cut off");
    } else if (magic === FRAME_MAGIC) {
      const frame = parseFrame(compressed, offset);
      yield frame;
      offset = frame.end;
    } else {
      throw invalid(`no frame at offset ${offset}`);
    }
  }
}

function parseFrame(bytes: Uint8Array, start: number): ZstdFrame {
  const descriptor = uint(bytes, start + 4, 1);
  if ((descriptor & 0x08) !== 0) throw invalid("a reserved bit is set");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let offset = start + 5;
  let windowSize = 0;
  if (!isSingleSegment) {
    const window = uint(bytes, offset, 1);
    windowSize = 2 ** (10 + (window >>> 3)) * (1 + (window & 7) / 8);
    offset += 1;
  }
  offset += [0, 1, 2, 4][descriptor & 3] ?? 0; // The dictionary's id: blobs have none, the decoder will object.
  const statedBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  let statedSize: number | undefined;
  if (statedBytes > 0) {
    statedSize = uint(bytes, offset, statedBytes) + (statedBytes === 2 ? 256 : 0);
    if (isSingleSegment) windowSize = statedSize;
  }
  offset += statedBytes;

  const blockMax = Math.min(windowSize, BLOCK_BYTES_MAX);
  let sizeMin = 0;
  let sizeMax = 0;
  for (let isLast = false; !isLast;) {
    const header = uint(bytes, offset, 3);
    isLast = (header & 1) !== 0;
    const type = (header >>> 1) & 3;
    const size = header >>> 3;
    if (type === 3) throw invalid("a block has the reserved type");
    if (size > blockMax) throw invalid(`a block of ${size} bytes, at most ${blockMax} allowed`);
    const isCompressed = type === 2;
    sizeMin += isCompressed ? 0 : size;
    sizeMax += isCompressed ? blockMax : size;
    offset += 3 + (type === 1 ? 1 : size);
  }
  if ((descriptor & 0x04) !== 0) offset += 4;
  if (offset > bytes.length) throw invalid("a frame is cut off");
  if (statedSize !== undefined && (statedSize < sizeMin || statedSize > sizeMax)) {
    throw invalid(`a frame states ${statedSize} bytes, its blocks hold ${sizeMin} to ${sizeMax}`);
  }
  if (windowSize > WINDOW_BYTES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `a window of ${windowSize} bytes`);
  }
  return { start, end: offset, statedSize, windowSize, sizeMin, sizeMax };
}

/** Unsigned little-endian number of `size` bytes; above 2^53 it is only roughly right, which the caller's bounds allow. */
function uint(bytes: Uint8Array, offset: number, size: number): number {
  if (offset + size > bytes.length) throw invalid("a frame is cut off");
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}

function invalid(detail: string): FormatError {
  return new FormatError("FORMAT_INVALID", WHAT, detail);
}

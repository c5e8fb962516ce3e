import { FormatError } from "../format-error.ts";

/** One zstd frame as its headers describe it; nothing in it has been decompressed yet. */
export interface ZstdFrame {
  /** Offset of the frame's magic number. */
  readonly start: number;
  /** Offset behind the frame. */
  readonly end: number;
  /** Plain size the header states, if it states one. */
  readonly statedSize: number | undefined;
  /** Offset of the first block's header. */
  readonly blocksStart: number;
  /** Most plaintext that one block may hold. */
  readonly blockMax: number;
  /** Plain size of the raw and run-length blocks: the frame has at least this much. */
  readonly sizeMin: number;
  /** What the blocks can hold at most; equals {@link sizeMin} unless there are compressed blocks. */
  readonly sizeMax: number;
}

/** One block of a frame. */
export interface ZstdBlock {
  /** As it is, one byte again and again, or compressed. */
  readonly kind: "raw" | "repeated" | "compressed";
  /** Where its content lies. */
  readonly start: number;
  readonly end: number;
  /** Plaintext of a raw or repeated block; length of the content of a compressed one. */
  readonly size: number;
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
  if ((descriptor & 0x03) !== 0) throw invalid("it needs a dictionary");
  const isSingleSegment = (descriptor & 0x20) !== 0;
  let offset = start + 5;
  let windowSize = 0;
  if (!isSingleSegment) {
    const window = uint(bytes, offset, 1);
    windowSize = 2 ** (10 + (window >>> 3)) * (1 + (window & 7) / 8);
    offset += 1;
  }
  const statedBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0;
  let statedSize: number | undefined;
  if (statedBytes > 0) {
    statedSize = uint(bytes, offset, statedBytes) + (statedBytes === 2 ? 256 : 0);
    if (isSingleSegment) windowSize = statedSize;
  }
  offset += statedBytes;

  const blocksStart = offset;
  const blockMax = Math.min(windowSize, BLOCK_BYTES_MAX);
  let sizeMin = 0;
  let sizeMax = 0;
  for (const block of zstdBlocks(bytes, { blocksStart, blockMax })) {
    sizeMin += block.kind === "compressed" ? 0 : block.size;
    sizeMax += block.kind === "compressed" ? blockMax : block.size;
    offset = block.end;
  }
  if ((descriptor & 0x04) !== 0) offset += 4;
  if (offset > bytes.length) throw invalid("a frame is cut off");
  if (statedSize !== undefined && (statedSize < sizeMin || statedSize > sizeMax)) {
    throw invalid(`a frame states ${statedSize} bytes, its blocks hold ${sizeMin} to ${sizeMax}`);
  }
  if (windowSize > WINDOW_BYTES_MAX) {
    throw new FormatError("FORMAT_OUT_OF_RANGE", WHAT, `a window of ${windowSize} bytes`);
  }
  return { start, end: offset, statedSize, blocksStart, blockMax, sizeMin, sizeMax };
}

/**
 * Walks the blocks of one frame.
 *
 * @throws {FormatError} `FORMAT_INVALID` for a block that is cut off, too large or of the reserved type.
 * @see RFC 8878 §3.1.1.2
 */
export function* zstdBlocks(
  bytes: Uint8Array,
  frame: Pick<ZstdFrame, "blocksStart" | "blockMax">,
): Generator<ZstdBlock, void, void> {
  let offset = frame.blocksStart;
  for (let isLast = false; !isLast;) {
    const header = uint(bytes, offset, 3);
    isLast = (header & 1) !== 0;
    const kind = (["raw", "repeated", "compressed"] as const)[(header >>> 1) & 3];
    if (kind === undefined) throw invalid("a block has the reserved type");
    const size = header >>> 3;
    if (size > frame.blockMax) throw invalid(`a block of ${size} of ${frame.blockMax} bytes`);
    const start = offset + 3;
    offset = start + (kind === "repeated" ? 1 : size);
    if (offset > bytes.length) throw invalid("a block is cut off");
    yield { kind, start, end: offset, size };
  }
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

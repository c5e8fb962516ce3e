import { setSize, writeRange } from "../../linux/file-content.ts";
import { addressOf } from "../../linux/scratch-memory.ts";

/** Runs of zeros shorter than this are written: a hole of less saves nothing on common file systems. */
const HOLE_BYTES_MIN = 4096;
const ZEROS: Uint8Array = new Uint8Array(HOLE_BYTES_MIN);

/**
 * Writes the content of one new file after the other, leaving holes where blocks are zero.
 *
 * Files must be new and empty, since nothing is written where a hole is to be.
 */
export class SparseWriter {
  readonly #zeros: "holes" | "written";
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  #fileEnd = 0;

  constructor(zeros: "holes" | "written") {
    this.#zeros = zeros;
  }

  /** Begins a file. */
  start(): void {
    this.#fileEnd = 0;
  }

  /** Writes the next piece of the file, borrowed, at this offset of it. */
  write(fd: number, piece: Uint8Array, offset: number): void {
    if (this.#zeros === "written" || piece.length < HOLE_BYTES_MIN) {
      this.#put(fd, piece, offset);
      return;
    }
    let dataStart = 0;
    // Blocks as the file system has them: aligned in the file, not in the piece, so the first and last may be cut.
    let end = HOLE_BYTES_MIN - (offset % HOLE_BYTES_MIN);
    for (let at = 0; at < piece.length; at = end, end += HOLE_BYTES_MIN) {
      const blockEnd = Math.min(end, piece.length);
      if (!isZero(piece, at, blockEnd)) continue;
      if (at > dataStart) this.#put(fd, piece.subarray(dataStart, at), offset + dataStart);
      dataStart = blockEnd;
    }
    if (dataStart < piece.length) this.#put(fd, piece.subarray(dataStart), offset + dataStart);
  }

  /** Ends a file of this size. */
  finish(fd: number, size: number): void {
    if (this.#fileEnd < size) setSize(fd, size);
  }

  #put(fd: number, bytes: Uint8Array, offset: number): void {
    if (bytes.length === 0) return;
    let address = this.#addresses.get(bytes.buffer);
    if (address === undefined) {
      address = addressOf(new Uint8Array(bytes.buffer));
      this.#addresses.set(bytes.buffer, address);
    }
    writeRange(fd, { address: address + bytes.byteOffset, size: bytes.length, offset });
    this.#fileEnd = offset + bytes.length;
  }
}

/** For at most {@link HOLE_BYTES_MIN} bytes. */
function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  // Nearly every block of data is recognised by one of a few bytes, without a call.
  const probe =
    (bytes[start] ?? 0) |
    (bytes[(start + end) >>> 1] ?? 0) |
    (bytes[start + ((end - start) >>> 2)] ?? 0) |
    (bytes[end - 1] ?? 0);
  if (probe !== 0) return false;
  return Buffer.compare(bytes.subarray(start, end), ZEROS.subarray(0, end - start)) === 0;
}

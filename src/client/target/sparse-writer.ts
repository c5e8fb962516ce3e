import { setSize, writeRange } from "../../linux/file-content.ts";
import { addressOf } from "../../linux/scratch-memory.ts";
import { dataRuns } from "./data-runs.ts";

/** Runs of zeros shorter than this are written: a hole of less saves nothing on common file systems. */
const HOLE_BYTES_MIN = 4096;

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
    for (const { start, end } of dataRuns(piece, { offset, blockBytes: HOLE_BYTES_MIN })) {
      this.#put(fd, piece.subarray(start, end), offset + start);
    }
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

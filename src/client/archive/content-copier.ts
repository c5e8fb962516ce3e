import { nextData, readRange } from "../../linux/file-content.ts";
import { type FileStatus } from "../../linux/file-status.ts";
import { addressOf } from "../../linux/scratch-memory.ts";
import { SystemError } from "../../linux/system-error.ts";
import { type PayloadStream } from "./payload-stream.ts";

/** How copying a file went; something other than `whole` has bytes in the archive that are not in the file. */
export type CopyOutcome =
  { readonly kind: "whole" } | { readonly kind: "changed" | "incomplete"; readonly reason: string };

/** Bytes read at once: large enough that calls do not matter, small enough for a cutter to move. */
const READ_BYTES = 256 * 1024;

/** Files with fewer bytes than this are read even if they have holes. */
const SPARSE_BYTES_MIN = 64 * 1024;

const WHOLE: CopyOutcome = { kind: "whole" };

/**
 * Copies the content of open files to a stream, right into its memory.
 *
 * Writes exactly the size that the status says: a file that became shorter is filled up with zeros, one that grew is cut
 * (spec pxar.md §8.6). Holes cost no reading.
 */
export class ContentCopier {
  /** Address of each buffer the stream hands out, which is nearly always the same. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();

  /** Copies one file; never fails because of the file. */
  copy(fd: number, status: FileStatus, stream: PayloadStream): CopyOutcome {
    const { size, storedSize } = status;
    const isSparse = size >= SPARSE_BYTES_MIN && storedSize < size - SPARSE_BYTES_MIN / 2;
    let offset = 0;
    try {
      if (!isSparse) return this.#copyData(fd, { start: 0, end: size, size }, stream);
      while (offset < size) {
        const extent = nextData(fd, offset);
        const start = Math.min(extent?.start ?? size, size);
        writeZeros(stream, start - offset);
        offset = start;
        const end = Math.min(extent?.end ?? size, size);
        const outcome = this.#copyData(fd, { start, end, size }, stream);
        offset = end;
        if (outcome.kind !== "whole") {
          writeZeros(stream, size - offset);
          return outcome;
        }
      }
      return WHOLE;
    } catch (error) {
      if (!(error instanceof PartialRead)) throw error;
      writeZeros(stream, size - error.offset);
      return { kind: "incomplete", reason: `${error.code}: the rest is filled with zeros` };
    }
  }

  #copyData(
    fd: number,
    range: { readonly start: number; readonly end: number; readonly size: number },
    stream: PayloadStream,
  ): CopyOutcome {
    const { start, end, size } = range;
    for (let offset = start; offset < end;) {
      const wanted = Math.min(end - offset, READ_BYTES);
      // One byte more than there should be tells whether the file grew, at no cost.
      const probe = offset + wanted === size ? 1 : 0;
      const space = stream.reserve(wanted + probe);
      const got = this.#read(fd, space, offset);
      const taken = Math.min(got, wanted);
      stream.commit(taken);
      offset += taken;
      if (got > wanted) return { kind: "changed", reason: "it grew: cut at the size it had first" };
      if (got === 0 || (got < space.length && offset < end)) {
        writeZeros(stream, end - offset);
        return { kind: "changed", reason: "it shrank: filled with zeros to the size it had first" };
      }
    }
    return WHOLE;
  }

  #read(fd: number, space: Uint8Array, offset: number): number {
    let address = this.#addresses.get(space.buffer);
    if (address === undefined) {
      address = addressOf(new Uint8Array(space.buffer));
      this.#addresses.set(space.buffer, address);
    }
    try {
      return readRange(fd, { address: address + space.byteOffset, size: space.length, offset });
    } catch (error) {
      if (error instanceof SystemError) throw new PartialRead(error.code, offset);
      throw error;
    }
  }
}

/** Carries how far a file could be read to where the rest is filled up. */
class PartialRead extends Error {
  readonly code: string;
  readonly offset: number;

  constructor(code: string, offset: number) {
    super(code);
    this.code = code;
    this.offset = offset;
  }
}

function writeZeros(stream: PayloadStream, size: number): void {
  for (let left = size; left > 0;) {
    const space = stream.reserve(Math.min(left, READ_BYTES));
    space.fill(0);
    stream.commit(space.length);
    left -= space.length;
  }
}

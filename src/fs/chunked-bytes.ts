import { joinedBytes } from "../format/bytes/joined-bytes.ts";
import { type ResidentSource } from "../format/bytes/resident-source.ts";
import { type ChunkIndex } from "../format/index/chunk-index.ts";
import { type AnswerMemory } from "./answer-memory.ts";
import { FsError } from "./fs-error.ts";
import { type FsNeed, type SnapshotKey, snapshotPath } from "./fs-need.ts";
import { HeldChunk } from "./held-chunk.ts";
import { ReadAhead } from "./read-ahead.ts";
import { type ZeroChunks } from "./zero-chunks.ts";

/** What a {@link ChunkedBytes} reads. */
export interface ChunkedBytesParts {
  readonly index: ChunkIndex;
  readonly snapshot: SnapshotKey;
  /** Name of the archive on the server. */
  readonly archive: string;
  /** Names and attributes alone, or content as well. */
  readonly holds: "tree" | "content";
  readonly memory: AnswerMemory;
  /** Chunks that need not be fetched. */
  readonly zeros: ZeroChunks;
}

/** The part of a read that says what it belongs to. */
export interface ReadContext {
  /** Archive offset where the thing that is read ends. */
  readonly end: number;
  /** Whether it is read from its start. */
  readonly isStart: boolean;
}

/** Longest range that is put together from what is in memory at one moment. */
const LONG_READ_BYTES = 1024 * 1024;

/** A read that goes on where it was interrupted. */
interface PartialRead {
  readonly offset: number;
  readonly bytes: Uint8Array;
  filled: number;
}

/** Fraction of the memory that may be filled ahead of one reader. */
const READ_AHEAD_SHARE = 4;

/** Bytes fetched ahead of a reader of a tree, so that what is read now is not dropped for it. */
const TREE_READ_AHEAD_BYTES = 8 * 1024 * 1024;

/** Most bytes fetched ahead of one reader. */
const READ_AHEAD_BYTES_MAX = 64 * 1024 * 1024;

/** The bytes of an archive, put together from the chunks in memory; restartable. */
export class ChunkedBytes implements ResidentSource {
  readonly #parts: ChunkedBytesParts;
  readonly #readAhead: ReadAhead;
  /** The chunk that was used last, because reads come in crowds; dropped from memory, it has no bytes any more. */
  #lastStart = 0;
  #lastEnd = 0;
  #last = new HeldChunk({ bytes: new Uint8Array(0) });
  /** The long read that was interrupted last. */
  #part: PartialRead | undefined;

  constructor(parts: ChunkedBytesParts) {
    this.#parts = parts;
    this.#readAhead = new ReadAhead(
      parts.index,
      parts.holds === "tree"
        ? TREE_READ_AHEAD_BYTES
        : Math.min(READ_AHEAD_BYTES_MAX, parts.memory.bytesMax / READ_AHEAD_SHARE),
    );
  }

  /** Bytes of the archive. */
  get size(): number {
    return this.#parts.index.size;
  }

  /**
   * The same as {@link pieces} in one piece: copied where the range lies in several chunks.
   *
   * A long range is put together chunk by chunk: what has been copied is kept when the call is interrupted, so the memory
   * need not hold all of them at once.
   */
  read(offset: number, size: number): Uint8Array {
    const part = this.#part;
    if (part?.offset === offset && part.bytes.length === size) return this.#complete(part);
    const { index } = this.#parts;
    const isLong = size > LONG_READ_BYTES && offset >= 0 && offset + size <= index.size;
    if (isLong && index.endOf(index.findIndex(offset)) < offset + size) {
      return this.#complete({ offset, bytes: new Uint8Array(size), filled: 0 });
    }
    const pieces = this.pieces(offset, size, { end: this.size, isStart: false });
    const [first] = pieces;
    if (first && pieces.length === 1) return first;
    return joinedBytes(pieces);
  }

  #complete(part: PartialRead): Uint8Array {
    this.#part = part;
    const { index } = this.#parts;
    const { offset, bytes } = part;
    while (part.filled < bytes.length) {
      const at = offset + part.filled;
      const size = Math.min(bytes.length - part.filled, index.endOf(index.findIndex(at)) - at);
      for (const piece of this.pieces(at, size, { end: offset + bytes.length, isStart: false })) {
        bytes.set(piece, part.filled);
        part.filled += piece.length;
      }
    }
    this.#part = undefined;
    return bytes;
  }

  /**
   * The same without joining: views of the chunks that hold the range, in order.
   *
   * Chunks that are missing are asked for all at once; ahead of a steady reader more are fetched. Borrowed: valid until
   * the memory takes the next answer.
   *
   * @throws {FsError} EIO when a chunk cannot be had or has another length than the index says.
   */
  pieces(offset: number, size: number, context: ReadContext): Uint8Array[] {
    if (offset >= this.#lastStart && offset + size <= this.#lastEnd && !this.#last.isDropped) {
      const at = offset - this.#lastStart;
      return [this.#last.bytes.subarray(at, at + size)];
    }
    const { index } = this.#parts;
    if (offset < 0 || size < 0 || offset + size > index.size) {
      throw new FsError("EIO", `read ${size} bytes at ${offset} of ${this.#name()}`);
    }
    const end = offset + size;
    const first = index.findIndex(offset);
    let last = first;
    for (let i = first; i < index.count && index.startOf(i) < end; i++) last = i;
    this.#fetchAhead(first, last, context);
    const pieces: Uint8Array[] = [];
    for (let i = first; i <= last; i++) {
      const start = index.startOf(i);
      const chunk = this.#chunk(i);
      pieces.push(chunk.subarray(Math.max(0, offset - start), Math.min(chunk.length, end - start)));
    }
    return pieces;
  }

  /**
   * The same bytes for someone who reads them front to back and may not make us fetch more than this.
   *
   * Behind that, reads fail with EIO.
   */
  limited(bytesMax: number): ResidentSource {
    const { index } = this.#parts;
    let behind = 0;
    let touchedBytes = 0;
    return {
      size: this.size,
      read: (offset, size) => {
        for (let i = Math.max(behind, index.findIndex(offset)); i < index.count; i++) {
          if (index.startOf(i) >= offset + size) break;
          behind = i + 1;
          touchedBytes += index.endOf(i) - index.startOf(i);
        }
        if (touchedBytes > bytesMax) throw new FsError("EIO", `read all of ${this.#name()}`);
        return this.read(offset, size);
      },
    };
  }

  /**
   * Start of the next data or hole at or after `offset`; `end` when there is none before it.
   *
   * Holes are the chunks that are known to be zeros.
   */
  find(what: "data" | "hole", offset: number, end: number): number {
    const { index, zeros } = this.#parts;
    let at = offset;
    for (let i = index.findIndex(offset); at < end; i++) {
      if (zeros.has(index, i) === (what === "hole")) return at;
      at = index.endOf(i);
    }
    return end;
  }

  /** Bytes of a range that are in chunks known to be zeros. */
  zeroBytesIn(offset: number, end: number): number {
    const { index, zeros } = this.#parts;
    let bytes = 0;
    for (let i = index.findIndex(offset); i < index.count && index.startOf(i) < end; i++) {
      if (!zeros.has(index, i)) continue;
      bytes += Math.min(end, index.endOf(i)) - Math.max(offset, index.startOf(i));
    }
    return bytes;
  }

  /** Asks for the chunks at these ascending offsets, as far as a reader of a tree may fetch ahead. */
  expect(offsets: readonly number[]): void {
    const { index, memory } = this.#parts;
    let behind = 0;
    let bytes = 0;
    for (const offset of offsets) {
      const i = index.findIndex(offset);
      if (i < behind || i >= index.count) continue;
      behind = i + 1;
      bytes += index.endOf(i) - index.startOf(i);
      if (bytes > TREE_READ_AHEAD_BYTES) return;
      memory.prefetch(this.#need(i));
    }
  }

  #fetchAhead(first: number, last: number, context: ReadContext): void {
    const { memory, zeros, index } = this.#parts;
    let stop = last + 1;
    for (let i = first; i <= last; i++) {
      stop = this.#readAhead.touch(i, context.end, context.isStart);
    }
    // The first is asked for by whoever cannot go on without it.
    for (let i = first + 1; i < Math.max(stop, last + 1); i++) {
      if (!zeros.has(index, i)) memory.prefetch(this.#need(i));
    }
  }

  #chunk(i: number): Uint8Array {
    const { index, memory, zeros } = this.#parts;
    const start = index.startOf(i);
    const end = index.endOf(i);
    const held = zeros.has(index, i)
      ? new HeldChunk({ bytes: zeros.bytes(end - start) })
      : memory.get(this.#need(i));
    const { bytes } = held;
    if (bytes.length !== end - start) {
      throw new FsError(
        "EIO",
        `use chunk ${index.digestAt(i)} of ${this.#name()}: it has ${bytes.length} bytes, not ${end - start}`,
      );
    }
    this.#lastStart = start;
    this.#lastEnd = end;
    this.#last = held;
    return bytes;
  }

  #need(i: number): FsNeed & { readonly kind: "chunk" } {
    const { index, snapshot, archive, holds } = this.#parts;
    const size = index.endOf(i) - index.startOf(i);
    return { kind: "chunk", snapshot, archive, digest: index.digestAt(i), size, holds };
  }

  #name(): string {
    return `${snapshotPath(this.#parts.snapshot)}/${this.#parts.archive}`;
  }
}

import assert from "node:assert/strict";
import { type Chunker } from "../format/chunk/chunker.ts";

/** A chunk that is on the server already, put into a stream without its data. */
export interface KnownChunk {
  /** Its digest, 32 bytes. */
  readonly digest: Uint8Array;
  /** Length of its plaintext. */
  readonly size: number;
}

/** A place where the stream goes on with chunks that exist already. */
export interface ForcedBoundary {
  /** Stream offset at which the current chunk has to end, inserted chunks before it included. */
  readonly offset: number;
  /** What is inserted there; may be empty. */
  readonly entries: readonly KnownChunk[];
}

/** One piece of a stream that was cut, in order. */
export type ChunkPiece =
  | { readonly kind: "data"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "known"; readonly offset: number; readonly entries: readonly KnownChunk[] };

/**
 * Cuts a stream of blocks into chunks and inserts existing chunks at forced boundaries (spec chunker.md §5).
 *
 * Only what was not looked at before goes to the chunker. Memory: the current chunk and the last block, twice.
 * Bytes of a piece are owned by the consumer. Offsets count inserted chunks.
 *
 * @param input Blocks are borrowed until the next is pulled. `boundaries` is a queue in increasing order; more may be
 *   added while the stream runs, as long as each comes before its offset is passed.
 * @throws {AssertionError} For a boundary that came too late, or lies behind the end of the stream.
 */
export async function* chunkStream(input: {
  readonly blocks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly chunker: Chunker;
  readonly boundaries?: ForcedBoundary[];
}): AsyncGenerator<ChunkPiece, void, void> {
  const { chunker, boundaries = [] } = input;
  const buffer = new Pending();
  let consumed = 0;

  /** Everything that can be cut from what is buffered. */
  function* cutBuffered(): Generator<ChunkPiece> {
    for (;;) {
      const scanned = buffer.scanned;
      const cut =
        scanned < buffer.size
          ? chunker.scan(buffer.unscanned(), { base: consumed, total: buffer.size })
          : 0;
      const end = cut === 0 ? buffer.size : scanned + cut;
      const boundary = boundaries[0];
      if (boundary && boundary.offset <= consumed + end) {
        boundaries.shift();
        const size = boundary.offset - consumed;
        assert(size >= 0, `forced boundary ${boundary.offset} is before ${consumed}`);
        if (size > 0) yield { kind: "data", offset: consumed, bytes: buffer.take(size) };
        chunker.reset();
        buffer.rescan();
        consumed += size;
        const { entries } = boundary;
        if (entries.length > 0) yield { kind: "known", offset: consumed, entries };
        for (const entry of entries) consumed += entry.size;
      } else if (cut > 0) {
        yield { kind: "data", offset: consumed, bytes: buffer.take(end) };
        consumed += end;
      } else {
        buffer.markScanned();
        return;
      }
    }
  }

  for await (const block of input.blocks) {
    buffer.append(block);
    yield* cutBuffered();
  }
  yield* cutBuffered();
  if (buffer.size > 0) {
    yield { kind: "data", offset: consumed, bytes: buffer.take(buffer.size) };
  }
  assert(boundaries.length === 0, "a forced boundary lies behind the end of the stream");
}

/** Bytes that were read and not cut off yet. */
class Pending {
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #scanned = 0;

  get size(): number {
    return this.#end - this.#start;
  }

  /** Bytes at the front that the chunker has seen. */
  get scanned(): number {
    return this.#scanned;
  }

  unscanned(): Uint8Array {
    return this.#bytes.subarray(this.#start + this.#scanned, this.#end);
  }

  markScanned(): void {
    this.#scanned = this.size;
  }

  /** Makes the chunker see everything again. */
  rescan(): void {
    this.#scanned = 0;
  }

  append(block: Uint8Array): void {
    if (this.#end + block.length > this.#bytes.length) {
      const wanted = this.size + block.length;
      const target = wanted * 2 > this.#bytes.length ? new Uint8Array(wanted * 2) : this.#bytes;
      target.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = target;
      this.#end = this.size;
      this.#start = 0;
    }
    this.#bytes.set(block, this.#end);
    this.#end += block.length;
  }

  /** Cuts off the front, owned; the rest counts as not scanned. */
  take(size: number): Uint8Array {
    const bytes = this.#bytes.slice(this.#start, this.#start + size);
    this.#start += size;
    this.#scanned = 0;
    return bytes;
  }
}

import { NotResident, type ResidentSource } from "../format/bytes/resident-source.ts";
import { type ChunkIndex } from "../format/index/chunk-index.ts";
import { type ReadOptions } from "./blob-source.ts";
import { type ChunkSource } from "./chunk-source.ts";
import { readIndexedChunk } from "./indexed-byte-source.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import { unlessAborted } from "./unless-aborted.ts";
import { whenResident } from "./when-resident.ts";

/** What a {@link ResidentChunks} throws inside `NotResident`. */
export interface ChunksNeed {
  readonly kind: "chunk";
  /** Who asks. */
  readonly source: ResidentChunks;
  /** Position of the first missing chunk in the index. */
  readonly index: number;
  /** How many chunks, from there on, the read touches. */
  readonly count: number;
}

/** Bounds of a {@link ResidentChunks}. */
export interface ResidentChunksOptions {
  /** Plaintext kept between operations, in bytes. */
  readonly bytesMax: number;
  /** Chunks fetched at the same time for one operation. */
  readonly inFlightMax: number;
}

/**
 * The archive that an index describes, for synchronous code such as the readers of catalogues and pxar trees.
 *
 * {@link run} repeats an operation until every chunk it touches is in memory. During an operation nothing is dropped, so
 * that it cannot starve itself; afterwards the least recently read chunks go until `bytesMax` are left. Operations may
 * overlap; then the dropping waits for the last of them.
 */
export class ResidentChunks implements ResidentSource {
  readonly #index: ChunkIndex;
  readonly #chunks: ChunkSource;
  readonly #options: ResidentChunksOptions;
  /** By position, the least recently read first. */
  readonly #resident = new Map<number, Uint8Array>();
  #residentBytes = 0;
  #running = 0;

  constructor(index: ChunkIndex, chunks: ChunkSource, options: ResidentChunksOptions) {
    this.#index = index;
    this.#chunks = chunks;
    this.#options = options;
  }

  get size(): number {
    return this.#index.size;
  }

  read(offset: number, size: number): Uint8Array {
    const end = offset + size;
    if (offset < 0 || end > this.size) throw new RangeError(`bytes ${offset} to ${end}`);
    if (size === 0) return new Uint8Array(0);
    const first = this.#index.findIndex(offset);
    const single = this.#recent(first);
    if (single && end <= this.#index.endOf(first)) {
      const start = this.#index.startOf(first);
      return single.subarray(offset - start, end - start);
    }
    return this.#assemble(offset, end, first);
  }

  /**
   * Runs an operation over this source as often as it takes.
   *
   * @throws What the operation throws, `ChunkError` from fetching, the signal's reason.
   */
  async run<T>(operation: () => T, options: ReadOptions = {}): Promise<T> {
    this.#running += 1;
    try {
      return await whenResident(async (need) => {
        await this.#fetch(need, options);
      }, operation);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#trim();
    }
  }

  async #fetch(need: unknown, { signal }: ReadOptions): Promise<void> {
    if (!this.#isMine(need)) throw new TypeError("the operation reads from another source, too");
    const missing = Array.from({ length: need.count }, (_, i) => need.index + i).filter(
      (i) => !this.#resident.has(i),
    );
    const fetched = mapConcurrent(missing, this.#options.inFlightMax, async (i, stop) => ({
      i,
      plain: await unlessAborted(
        readIndexedChunk(this.#index, i, this.#chunks, { signal: stop }),
        signal,
      ),
    }));
    for await (const { i, plain } of fetched) {
      if (!this.#resident.has(i)) this.#residentBytes += plain.length;
      this.#resident.set(i, plain);
    }
  }

  #assemble(offset: number, end: number, first: number): Uint8Array {
    const last = this.#index.findIndex(end - 1);
    for (let i = first; i <= last; i++) {
      if (this.#resident.has(i)) continue;
      const need: ChunksNeed = { kind: "chunk", source: this, index: i, count: last - i + 1 };
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a signal, not a failure: see NotResident
      throw new NotResident(need);
    }
    const result = new Uint8Array(end - offset);
    for (let i = first; i <= last; i++) {
      const start = this.#index.startOf(i);
      const from = Math.max(0, offset - start);
      const piece = this.#recent(i)?.subarray(from, end - start);
      if (piece) result.set(piece, Math.max(0, start - offset));
    }
    return result;
  }

  #recent(i: number): Uint8Array | undefined {
    const plain = this.#resident.get(i);
    if (!plain) return undefined;
    this.#resident.delete(i);
    this.#resident.set(i, plain);
    return plain;
  }

  #trim(): void {
    for (const [i, plain] of this.#resident) {
      if (this.#residentBytes <= this.#options.bytesMax) return;
      this.#resident.delete(i);
      this.#residentBytes -= plain.length;
    }
  }

  #isMine(need: unknown): need is ChunksNeed {
    return typeof need === "object" && need !== null && "source" in need && need.source === this;
  }
}

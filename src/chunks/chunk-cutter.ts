import assert from "node:assert/strict";
import { type ByteSink } from "../format/bytes/byte-sink.ts";
import { BuzhashWasm } from "../format/chunk/buzhash-wasm.ts";
import { chunkBounds } from "../format/chunk/chunk-bounds.ts";
import { SuggestedBoundaries } from "../format/chunk/suggested-boundaries.ts";
import { type KnownChunk } from "./chunk-stream.ts";
import { type SharedArena } from "./shared-arena.ts";

/** One piece of a stream, in order; plain data, can be sent with `postMessage`. */
export type Cut =
  | {
      readonly kind: "data";
      /** Slot whose first `size` bytes are the chunk; whoever gets the cut releases it. */
      readonly slot: number;
      readonly size: number;
      /** Stream offset of the first byte, injected chunks included. */
      readonly streamOffset: number;
    }
  | {
      readonly kind: "known";
      readonly entries: readonly KnownChunk[];
      readonly streamOffset: number;
    };

/** What a cutter works with. */
export interface ChunkCutterOptions {
  /** Where chunks are put together; a slot holds at least the longest chunk. */
  readonly arena: SharedArena;
  /** Average chunk length in bytes, as in {@link chunkBounds}. */
  readonly averageBytes: number;
  /** `payload` also cuts at suggested boundaries (spec chunker.md §4); `plain` by hash alone. */
  readonly kind: "plain" | "payload";
  /** Receives the pieces, called before the write that completed them returns. */
  readonly emit: (cut: Cut) => void;
}

/** Bytes that are collected before they are scanned, so that small writes cost no call each. */
const SCAN_STEP_BYTES = 64 * 1024;

/**
 * Sink that cuts what is written into chunks, in the arena slots where the bytes are first put.
 *
 * A chunk is put together in one slot and scanned there, each byte once. What is behind a cut moves to the next slot: at
 * most what came with one commit and {@link SCAN_STEP_BYTES}. Writing blocks the thread while the arena is full, so it is for
 * worker threads; the arena needs one slot per cutter, and more for threads to work side by side.
 *
 * @see spec chunker.md §2, §4, §5
 */
export class ChunkCutter implements ByteSink {
  readonly #arena: SharedArena;
  readonly #emit: (cut: Cut) => void;
  readonly #chunker: BuzhashWasm;
  readonly #suggested: SuggestedBoundaries | undefined;
  /** Where the current chunk is put together; none while that is empty and nothing was reserved. */
  #slot: number | undefined;
  /** All bytes of that slot. */
  #bytes: Uint8Array = new Uint8Array(0);
  /** Stream offset of the current chunk. */
  #base = 0;
  #size = 0;
  #scanned = 0;
  #state: "open" | "ended" = "open";

  /** Starts at stream offset 0. */
  constructor(options: ChunkCutterOptions) {
    const bounds = chunkBounds(options.averageBytes);
    assert(options.arena.slotBytes >= bounds.maxBytes, "a slot must hold the longest chunk");
    this.#arena = options.arena;
    this.#emit = options.emit;
    this.#chunker = new BuzhashWasm({
      averageBytes: options.averageBytes,
      memory: options.arena.memory,
    });
    this.#suggested = options.kind === "payload" ? new SuggestedBoundaries(bounds) : undefined;
  }

  /** Stream offset of the next byte, injected chunks included. */
  get position(): number {
    return this.#base + this.#size;
  }

  write(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const slotBytes = this.#openSlot();
      const size = Math.min(bytes.length - from, slotBytes.length - this.#size);
      const isWhole = size === bytes.length;
      slotBytes.set(isWhole ? bytes : bytes.subarray(from, from + size), this.#size);
      this.commit(size);
      from += size;
    }
  }

  /**
   * Free space for the next bytes of the stream, so that a file can be read right into the chunk.
   *
   * At least 1 and at most `size` bytes; borrowed: valid until the next call of any other method than
   * {@link position}. Nothing is added to the stream before {@link commit}.
   */
  reserve(size: number): Uint8Array {
    assert(size > 0);
    return this.#openSlot().subarray(this.#size, this.#size + size);
  }

  /** Adds the first `size` bytes of the space reserved last to the stream. */
  commit(size: number): void {
    assert(this.#slot !== undefined && this.#size + size <= this.#bytes.length);
    this.#size += size;
    const isFull = this.#size === this.#bytes.length;
    if (isFull || this.#size - this.#scanned >= SCAN_STEP_BYTES) this.#scan();
  }

  /** Says that a file starts at this stream offset, not before {@link position}: a good place for a cut. */
  suggestBoundary(offset: number): void {
    assert(this.#suggested && offset >= this.position);
    this.#suggested.suggest(offset);
  }

  /** Ends the current chunk and puts existing chunks behind it; the stream goes on after their total length. */
  inject(entries: readonly KnownChunk[]): void {
    assert(this.#state === "open");
    this.#flush();
    if (entries.length === 0) return;
    this.#emit({ kind: "known", entries, streamOffset: this.#base });
    for (const entry of entries) this.#base += entry.size;
  }

  /** Emits what is left; nothing can be written afterwards. */
  finish(): void {
    this.#flush();
    this.discard();
  }

  /** Gives up, when the stream has failed: drops what was not emitted. Harmless after {@link finish}. */
  discard(): void {
    this.#state = "ended";
    if (this.#slot !== undefined) this.#arena.release(this.#slot);
    this.#slot = undefined;
    this.#size = 0;
    this.#scanned = 0;
  }

  /** All bytes of the slot for the current chunk, which is taken if there is none; at least one is free. */
  #openSlot(): Uint8Array {
    assert(this.#state === "open");
    if (this.#slot === undefined) this.#useSlot(this.#arena.acquire());
    return this.#bytes;
  }

  #useSlot(slot: number): void {
    this.#slot = slot;
    this.#bytes = this.#arena.view(slot, 0, this.#arena.slotBytes);
  }

  /** Cuts wherever the bytes so far allow, then once more at their end. */
  #flush(): void {
    this.#scan();
    if (this.#size > 0) this.#cut(this.#size);
  }

  #scan(): void {
    while (this.#scanned < this.#size) {
      const size = this.#nextCut();
      if (size === 0) this.#scanned = this.#size;
      else this.#cut(size);
    }
  }

  /** Size of the current chunk if it ends within what is there, else 0. */
  #nextCut(): number {
    const chunk = { base: this.#base, scanned: this.#scanned, size: this.#size };
    // Unlike the reference this also cuts where the last scan happened to stop.
    const suggested = this.#suggested?.takeSize(chunk);
    if (suggested !== undefined) return suggested;
    const address = this.#arena.addressOf(this.#slot ?? 0);
    return this.#chunker.findCut({ address, scanned: this.#scanned, size: this.#size });
  }

  /** Emits the first `size` bytes and makes the rest the start of the next chunk. */
  #cut(size: number): void {
    assert(this.#slot !== undefined);
    const cut: Cut = { kind: "data", slot: this.#slot, size, streamOffset: this.#base };
    const rest = this.#bytes.subarray(size, this.#size);
    this.#slot = undefined;
    this.#base += size;
    this.#size = 0;
    this.#scanned = 0;
    if (rest.length === 0) {
      this.#emit(cut);
      return;
    }
    // Once it is emitted the slot belongs to others, and only then may this thread wait for another one.
    const next = this.#arena.tryAcquire();
    if (next === undefined) {
      const saved = rest.slice();
      this.#emit(cut);
      this.#useSlot(this.#arena.acquire());
      this.#bytes.set(saved);
    } else {
      this.#useSlot(next);
      this.#bytes.set(rest);
      this.#emit(cut);
    }
    this.#size = rest.length;
  }
}

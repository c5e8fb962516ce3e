/// <reference lib="es2024.sharedmemory" />
import assert from "node:assert/strict";
import { createWasmMemory, WASM_PAGE_BYTES, type WasmMemory } from "../format/bytes/wasm-memory.ts";

/** What another thread needs to use the same arena; plain data, can be sent with `postMessage`. */
export interface SharedArenaHandle {
  /** Shared memory behind the slots. */
  readonly memory: WasmMemory;
  /** Number of slots. */
  readonly slotCount: number;
  /** Bytes per slot. */
  readonly slotBytes: number;
}

/** Bytes at the start of the memory that belong to WASM modules bound to it, for their constant tables. */
export const ARENA_RESERVED_BYTES = 4096;

/** Most slots of one arena: their flags share the first page with the reserved bytes. */
export const ARENA_SLOTS_MAX = 15_000;

/** A flag counts who holds its slot. */
const FREE = 0;
const TAKEN = 1;

/** Longest sleep of one asynchronous wait; bounds the harm of a wake-up the event loop did not deliver. */
const ASYNC_WAIT_MS = 250;

/**
 * A fixed number of equal slots in one shared memory, taken and given back by any thread.
 *
 * Bytes are written once, by whoever fills a slot, and scanned (WASM), hashed and compressed (worker threads) where they
 * lie; threads pass slot numbers. The arena's size bounds the memory of a whole pipeline, and waiting for a free slot
 * is its backpressure.
 *
 * The free list is a counter of free slots and a flag per slot, both changed only by atomic operations: taking
 * first lowers the counter, which promises that some flag is free, then claims a flag; giving back does the reverse.
 * Low slots are preferred, so that a pipeline that is rarely full touches little memory.
 * Passing the slot number to another thread (`postMessage`) orders the writes to its bytes before the reads there.
 */
export class SharedArena {
  readonly #handle: SharedArenaHandle;
  /** `[free count, flag of slot 0, flag of slot 1, …]` */
  readonly #control: Int32Array;

  private constructor(handle: SharedArenaHandle) {
    this.#handle = handle;
    this.#control = new Int32Array(
      handle.memory.buffer,
      ARENA_RESERVED_BYTES,
      1 + handle.slotCount,
    );
  }

  /** Allocates an arena of `slotCount * slotBytes` bytes, in all less than 4 GiB; `slotBytes` is a multiple of 4096. */
  static create(options: { readonly slotCount: number; readonly slotBytes: number }): SharedArena {
    const { slotCount, slotBytes } = options;
    assert(slotCount >= 1 && slotCount <= ARENA_SLOTS_MAX && Number.isInteger(slotCount));
    assert(slotBytes >= 4096 && slotBytes % 4096 === 0);
    const size = WASM_PAGE_BYTES + slotCount * slotBytes;
    assert(size <= 2 ** 32 - WASM_PAGE_BYTES, "addresses would not fit 32 bits");
    const memory = createWasmMemory(size);
    const arena = new SharedArena({ memory, slotCount, slotBytes });
    Atomics.store(arena.#control, 0, slotCount);
    return arena;
  }

  /** Joins an arena that another thread made. */
  static attach(handle: SharedArenaHandle): SharedArena {
    return new SharedArena(handle);
  }

  /** For {@link attach} in another thread. */
  get handle(): SharedArenaHandle {
    return this.#handle;
  }

  /** Memory behind the slots, for WASM modules; the first {@link ARENA_RESERVED_BYTES} are theirs. */
  get memory(): WasmMemory {
    return this.#handle.memory;
  }

  /** Number of slots. */
  get slotCount(): number {
    return this.#handle.slotCount;
  }

  /** Bytes per slot. */
  get slotBytes(): number {
    return this.#handle.slotBytes;
  }

  /** Slots nobody holds; already outdated when it returns, for progress displays and tests. */
  get freeCount(): number {
    return Atomics.load(this.#control, 0);
  }

  /** Takes a slot, or returns `undefined` when all are taken. */
  tryAcquire(): number | undefined {
    for (;;) {
      const free = Atomics.load(this.#control, 0);
      if (free <= 0) return undefined;
      if (Atomics.compareExchange(this.#control, 0, free, free - 1) === free) break;
    }
    for (;;) {
      // One free flag is ours, but which one may change while others take and give back.
      for (let slot = 0; slot < this.slotCount; slot++) {
        if (Atomics.compareExchange(this.#control, 1 + slot, FREE, TAKEN) === FREE) return slot;
      }
    }
  }

  /** Takes a slot; blocks the thread until there is one, so never call it in a main thread. */
  acquire(): number {
    for (;;) {
      const slot = this.tryAcquire();
      if (slot !== undefined) return slot;
      Atomics.wait(this.#control, 0, 0);
    }
  }

  /**
   * Takes a slot without blocking the thread.
   *
   * The wait alone does not keep the process alive. Not fair: a waiter may be overtaken.
   */
  async acquireAsync(options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    for (;;) {
      options.signal?.throwIfAborted();
      const slot = this.tryAcquire();
      if (slot !== undefined) return slot;
      await Atomics.waitAsync(this.#control, 0, 0, ASYNC_WAIT_MS).value;
    }
  }

  /** Adds a holder to a slot that the caller holds: one more has to {@link release} it before it is free. */
  share(slot: number): void {
    const before = Atomics.add(this.#control, this.#flagOf(slot), 1);
    assert(before >= TAKEN, `slot ${slot} is not taken`);
  }

  /**
   * Gives a slot back; its bytes may be overwritten from now on, unless others hold it.
   *
   * Any thread may do this, once per taking and once per sharing.
   */
  release(slot: number): void {
    const flag = this.#flagOf(slot);
    const before = Atomics.sub(this.#control, flag, 1);
    if (before < TAKEN) Atomics.add(this.#control, flag, 1);
    assert(before >= TAKEN, `slot ${slot} is not taken`);
    if (before > TAKEN) return;
    Atomics.add(this.#control, 0, 1);
    Atomics.notify(this.#control, 0, 1);
  }

  /** Bytes `offset` to `offset + size` of a slot, borrowed: valid until the slot is released. */
  view(slot: number, offset: number, size: number): Uint8Array {
    assert(offset >= 0 && size >= 0 && offset + size <= this.slotBytes);
    return new Uint8Array(this.memory.buffer, this.addressOf(slot) + offset, size);
  }

  /** The slot that a view of {@link memory} lies in. */
  slotOf(bytes: Uint8Array): number {
    assert(bytes.buffer === this.memory.buffer, "the bytes are elsewhere");
    return Math.floor((bytes.byteOffset - WASM_PAGE_BYTES) / this.slotBytes);
  }

  /** Address of a slot's first byte in the memory, for WASM modules. */
  addressOf(slot: number): number {
    return WASM_PAGE_BYTES + (this.#flagOf(slot) - 1) * this.slotBytes;
  }

  #flagOf(slot: number): number {
    assert(Number.isInteger(slot) && slot >= 0 && slot < this.slotCount, `no slot ${slot}`);
    return 1 + slot;
  }
}

import assert from "node:assert/strict";
import { instantiateWasm, type WasmMemory } from "../bytes/wasm-memory.ts";
import { BUZHASH_TABLE } from "./buzhash-table.ts";
import { BUZHASH_WASM_MODULE_BASE64 } from "./buzhash-wasm-module.ts";
import { chunkBounds, type ChunkBounds } from "./chunk-bounds.ts";

/**
 * The rule of `BuzhashChunker` over chunks that lie in WASM memory, each in one piece; nothing is copied.
 *
 * Keeps nothing between calls, so one instance serves any number of interleaved streams of one average.
 * Uses bytes 0 to 1023 of the memory for its table; instances in other threads write the same there.
 */
export class BuzhashWasm {
  readonly #bounds: ChunkBounds;
  readonly #findCut: (...numbers: readonly number[]) => unknown;

  /** Binds to `memory`; `averageBytes` as in {@link chunkBounds}. */
  constructor(options: { readonly averageBytes: number; readonly memory: WasmMemory }) {
    this.#bounds = chunkBounds(options.averageBytes);
    new Uint32Array(options.memory.buffer, 0, BUZHASH_TABLE.length).set(BUZHASH_TABLE);
    const moduleBytes = Uint8Array.from(atob(BUZHASH_WASM_MODULE_BASE64), (c) => c.charCodeAt(0));
    const findCut = instantiateWasm(moduleBytes, options.memory)["find_cut"];
    assert(typeof findCut === "function");
    this.#findCut = (...numbers) => Reflect.apply(findCut, undefined, numbers);
  }

  /**
   * Size of the chunk if it ends within the bytes that are there, or 0 when it goes on.
   *
   * @param chunk Where it is: address of its first byte, bytes judged by earlier calls, and bytes present.
   */
  findCut(chunk: {
    readonly address: number;
    readonly scanned: number;
    readonly size: number;
  }): number {
    const { minBytes, maxBytes, mask, limit } = this.#bounds;
    const { address, scanned, size } = chunk;
    const cut = this.#findCut(address, scanned, size, minBytes, maxBytes, mask, limit);
    assert(typeof cut === "number");
    return cut;
  }
}

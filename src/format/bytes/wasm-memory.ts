/** The part of `WebAssembly.Memory` used here; can be sent to other threads, which then see the same bytes. */
export interface WasmMemory {
  /** All bytes; never grows, so views of it stay valid. */
  readonly buffer: SharedArrayBuffer;
}

/** Functions a module exports, by name; callers check each before use. */
export type WasmExports = Readonly<Record<string, unknown>>;

/** Bytes per page, the unit of memory sizes (WebAssembly core specification, "Memory Instances"). */
export const WASM_PAGE_BYTES = 65536;

// Node's type definitions leave WebAssembly out; this names the three constructors used here.
declare const WebAssembly: {
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: WasmExports };
};

/**
 * Allocates shared memory of at least `size` bytes, all zero; pages are committed when first touched.
 *
 * @throws {RangeError} Above 4 GiB, or when the machine refuses.
 */
export function createWasmMemory(size: number): WasmMemory {
  const pages = Math.ceil(size / WASM_PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** Compiles a module, binds it to `memory` (import `env.memory`) and returns its exports; synchronous. */
export function instantiateWasm(moduleBytes: Uint8Array, memory: WasmMemory): WasmExports {
  return new WebAssembly.Instance(new WebAssembly.Module(moduleBytes), { env: { memory } }).exports;
}

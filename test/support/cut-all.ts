// Runs a chunker over a whole stream, for tests.
import { type WasmMemory } from "../../src/format/bytes/wasm-memory.ts";
import { BuzhashWasm } from "../../src/format/chunk/buzhash-wasm.ts";

/** End offsets of all chunks, the last one included, when the stream comes in blocks. */
export function cutAll(
  chunker: { scan(bytes: Uint8Array): number },
  blocks: Iterable<Uint8Array>,
): number[] {
  const ends: number[] = [];
  let offset = 0;
  for (const block of blocks) {
    let rest = block;
    while (rest.length > 0) {
      const cut = chunker.scan(rest);
      if (cut > 0) ends.push(offset + cut);
      offset += cut > 0 ? cut : rest.length;
      rest = cut > 0 ? rest.subarray(cut) : rest.subarray(rest.length);
    }
  }
  if (offset > (ends.at(-1) ?? 0)) ends.push(offset);
  return ends;
}

/** The same for bytes that lie in WASM memory; each call sees `stepBytes` more. */
export function cutAllInWasm(stream: {
  readonly memory: WasmMemory;
  readonly address: number;
  readonly size: number;
  readonly averageBytes: number;
  readonly stepBytes: number;
}): number[] {
  const chunker = new BuzhashWasm(stream);
  const ends: number[] = [];
  let start = 0;
  let seen = 0;
  let scanned = 0;
  while (start < stream.size) {
    seen = Math.min(stream.size, seen + stream.stepBytes);
    const cut = chunker.findCut({
      address: stream.address + start,
      scanned,
      size: seen - start,
    });
    if (cut === 0 && seen < stream.size) {
      scanned = seen - start;
    } else {
      start = cut > 0 ? start + cut : stream.size;
      seen = Math.max(start, cut > 0 ? start : seen);
      scanned = 0;
      ends.push(start);
    }
  }
  return ends;
}

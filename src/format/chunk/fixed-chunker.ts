import assert from "node:assert/strict";
import { type Chunker } from "./chunker.ts";

/** Cuts after every `chunkBytes` bytes, as images are cut; the last chunk keeps its real length (spec chunker.md §6). */
export class FixedChunker implements Chunker {
  readonly #chunkBytes: number;
  /** Bytes of the current chunk so far. */
  #size = 0;

  /** Starts at the beginning of a stream. */
  constructor(options: { readonly chunkBytes: number }) {
    assert(Number.isSafeInteger(options.chunkBytes) && options.chunkBytes > 0);
    this.#chunkBytes = options.chunkBytes;
  }

  reset(): void {
    this.#size = 0;
  }

  scan(bytes: Uint8Array): number {
    const missing = this.#chunkBytes - this.#size;
    if (bytes.length < missing) {
      this.#size += bytes.length;
      return 0;
    }
    this.#size = 0;
    return missing;
  }
}

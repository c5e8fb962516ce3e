import { FormatError } from "../format/format-error.ts";
import { type ChunkIndex } from "../format/index/chunk-index.ts";
import { type ReadOptions } from "./blob-source.ts";
import { type ByteSource } from "./byte-source.ts";
import { ChunkError } from "./chunk-error.ts";
import { type ChunkSource } from "./chunk-source.ts";
import { mapConcurrent } from "./map-concurrent.ts";
import { unlessAborted } from "./unless-aborted.ts";

/**
 * The archive that an index describes, as bytes.
 *
 * A read fetches the chunks it touches, at most `inFlightMax` at a time, and copies the wanted piece of each once. Keeps
 * nothing: put `cached` below it. Memory is the result and `inFlightMax` chunks per read.
 */
export function indexedByteSource(
  index: ChunkIndex,
  chunks: ChunkSource,
  options: { readonly inFlightMax: number },
): ByteSource {
  return {
    size: index.size,
    async readAt(offset, size, { signal } = {}) {
      signal?.throwIfAborted();
      const end = Math.min(offset + size, index.size);
      if (offset >= end) return new Uint8Array(0);
      const result = new Uint8Array(end - offset);
      const pieces = mapConcurrent(
        positions(index, offset, end),
        options.inFlightMax,
        async (i, stop) => ({
          i,
          // Leaving the loop on abort is what stops the reads: they need not know the caller's signal.
          plain: await unlessAborted(readIndexedChunk(index, i, chunks, { signal: stop }), signal),
        }),
      );
      for await (const { i, plain } of pieces) {
        const start = index.startOf(i);
        const from = Math.max(0, offset - start);
        result.set(plain.subarray(from, end - start), Math.max(0, start - offset));
      }
      return result;
    },
  };
}

/**
 * Reads chunk `i` of an index and proves that it is as long as the index says.
 *
 * @throws {ChunkError} As the source; `CHUNK_CORRUPT` for another length, which is the index's fault.
 */
export async function readIndexedChunk(
  index: ChunkIndex,
  i: number,
  chunks: ChunkSource,
  options?: ReadOptions,
): Promise<Uint8Array> {
  const digest = index.digestAt(i);
  const plain = await chunks.readChunk(digest, options);
  const wanted = index.endOf(i) - index.startOf(i);
  if (plain.length !== wanted) {
    const detail = `${plain.length} bytes, the index says ${wanted}`;
    throw new ChunkError("CHUNK_CORRUPT", digest, {
      cause: new FormatError("FORMAT_INVALID", `chunk ${i} of the index`, detail),
    });
  }
  return plain;
}

function* positions(index: ChunkIndex, offset: number, end: number): Generator<number, void, void> {
  for (let i = index.findIndex(offset); i < index.count && index.startOf(i) < end; i++) yield i;
}

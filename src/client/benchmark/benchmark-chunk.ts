/** Bytes of the chunk that everything is measured with, as large as chunks are at most by default. */
const BENCHMARK_CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * Makes the chunk that everything is measured with, owned: numbers of four bytes in little-endian order, counted up from 0.
 *
 * It is what the official client sends, byte for byte (recording `benchmark`), so that speeds can be compared.
 */
export function benchmarkChunk(): Uint8Array {
  const chunk = new Uint8Array(BENCHMARK_CHUNK_BYTES);
  const view = new DataView(chunk.buffer);
  for (let offset = 0; offset < chunk.length; offset += 4) {
    view.setUint32(offset, offset / 4, true);
  }
  return chunk;
}

import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { type ChunkIndex } from "../../src/format/index/chunk-index.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../src/format/index/dynamic-index.ts";
import { MemoryChunkSource } from "./memory-chunk-source.ts";
import { prng } from "./prng.ts";

/** An archive cut into chunks of the given sizes, its index, and a source of its chunks. */
export function indexedSample(sizes: readonly number[]): {
  whole: Uint8Array;
  index: ChunkIndex;
  chunks: MemoryChunkSource;
} {
  const whole = prng(
    11,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  const chunks = new MemoryChunkSource();
  const builder = new DynamicIndexBuilder(createNativeProvider());
  for (const size of sizes) {
    builder.append(size, chunks.add(whole.subarray(builder.size, builder.size + size)));
  }
  const file = builder.build({ uuid: new Uint8Array(16), createdAtSec: 0n });
  return { whole, index: parseDynamicIndex(file), chunks };
}

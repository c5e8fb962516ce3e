import { createNativeProvider } from "../../src/format/crypto/native-provider.ts";
import { parseDigest } from "../../src/format/chunk/digest.ts";
import { DynamicIndexBuilder } from "../../src/format/index/dynamic-index.ts";
import { type RestorableArchive } from "../../src/client/target/restore-tree.ts";

/** Offers bytes as an archive in chunks of one size; small ones make everything cross their borders. */
export function rawArchive(bytes: Uint8Array, chunkBytes = 1000): RestorableArchive {
  const index = new DynamicIndexBuilder(createNativeProvider());
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const chunk = bytes.slice(start, start + chunkBytes);
    chunks.push(chunk);
    index.append(chunk.length, parseDigest(String(chunks.length).padStart(64, "0")));
  }
  return {
    indexFile: index.build({ uuid: new Uint8Array(16), createdAtSec: 0n }),
    chunkCount: chunks.length,
    readChunk: async (i) => await Promise.resolve(chunks[i] ?? new Uint8Array(0)),
  };
}

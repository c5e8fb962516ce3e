import { toHex } from "../../format/bytes/hex.ts";
import { type Digest, DIGEST_BYTES } from "../../format/chunk/digest.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { findIndexes, indexKindOf } from "./find-indexes.ts";
import { indexDigests } from "./index-digests.ts";

/** Paths of the indexes that need each chunk, sorted; those that cannot be read are in `unread`. */
export interface ChunkUsers {
  readonly users: ReadonlyMap<Digest, readonly string[]>;
  readonly unread: readonly string[];
}

/**
 * Finds every index of a datastore that names one of some chunks: whom a damaged chunk hurts.
 *
 * Reads all indexes once, block by block. Indexes that vanish meanwhile are passed over.
 */
export async function findChunkUsers(
  { backend }: Pick<DatastoreParts, "backend">,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<ChunkUsers> {
  const wanted = new Map<string, Digest>(digests.map((digest) => [digest, digest]));
  // A look at four bytes spares making a text of nearly every digest.
  const prefixes = new Set(digests.map((digest) => Number.parseInt(digest.slice(0, 8), 16)));
  const users = new Map<Digest, Set<string>>(digests.map((digest) => [digest, new Set<string>()]));
  const unread: string[] = [];
  for (const path of await findIndexes(backend, signal)) {
    const kind = indexKindOf(path);
    await using file = kind && (await backend.openFile(path));
    if (!kind || !file) continue;
    try {
      for await (const { bytes, first, stride, count } of indexDigests(file, kind)) {
        signal.throwIfAborted();
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        for (let i = 0; i < count; i++) {
          const at = first + i * stride;
          if (!prefixes.has(view.getUint32(at))) continue;
          const digest = wanted.get(toHex(bytes.subarray(at, at + DIGEST_BYTES)));
          if (digest !== undefined) users.get(digest)?.add(path);
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Error)) throw error;
      unread.push(path);
    }
  }
  const sorted = [...users].map(([digest, paths]) => [digest, [...paths].sort()] as const);
  return { users: new Map(sorted), unread };
}

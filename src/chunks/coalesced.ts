import { type Digest } from "../format/chunk/digest.ts";
import { type ChunkSource } from "./chunk-source.ts";
import { unlessAborted } from "./unless-aborted.ts";

interface SharedRead {
  readonly result: Promise<Uint8Array>;
  readonly stop: AbortController;
  waiters: number;
}

/**
 * Joins overlapping reads of one chunk into one.
 *
 * A shared read belongs to no single caller: one reader giving up does not fail another. Only when the last one has
 * given up is the read itself aborted. Does not keep results: see `cached`.
 */
export function coalesced(inner: ChunkSource): ChunkSource {
  const running = new Map<Digest, SharedRead>();

  function start(digest: Digest): SharedRead {
    const stop = new AbortController();
    const result = inner.readChunk(digest, { signal: stop.signal });
    const read: SharedRead = { result, stop, waiters: 0 };
    const forget = (): void => {
      if (running.get(digest) === read) running.delete(digest);
    };
    result.then(forget, forget); // Failures reach the waiters; this only tidies up.
    running.set(digest, read);
    return read;
  }

  return {
    async readChunk(digest, options) {
      options?.signal?.throwIfAborted();
      const read = running.get(digest) ?? start(digest);
      read.waiters += 1;
      try {
        return await unlessAborted(read.result, options?.signal);
      } finally {
        read.waiters -= 1;
        if (read.waiters === 0) {
          // Whoever comes next must not join a read that is being aborted.
          if (running.get(digest) === read) running.delete(digest);
          read.stop.abort();
        }
      }
    },
  };
}

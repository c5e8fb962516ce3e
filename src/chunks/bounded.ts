import { type ChunkSource } from "./chunk-source.ts";

/**
 * Lets at most `inFlightMax` reads reach the inner source; the others wait in the order in which they came.
 *
 * For readers that ask for much at once, such as a mount that will read a whole archive. Whoever aborts while waiting
 * is let go when their turn comes.
 */
export function bounded(inner: ChunkSource, inFlightMax: number): ChunkSource {
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  return {
    async readChunk(digest, options) {
      if (inFlight >= inFlightMax) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      } else inFlight++;
      try {
        options?.signal?.throwIfAborted();
        return await inner.readChunk(digest, options);
      } finally {
        // The place goes to whoever has waited longest, or becomes free.
        const next = waiting.shift();
        if (next) next();
        else inFlight--;
      }
    },
  };
}

import { type ChunkSource } from "./chunk-source.ts";

/** What a chunk of unknown length counts for: the usual average. */
const USUAL_BYTES = 4 * 1024 * 1024;

/** Bounds of {@link bounded}. */
export interface ReadBounds {
  /** Reads under way at the same time. */
  readonly readsMax: number;
  /** Bytes of memory that reads under way may need; one read may always go on. */
  readonly bytesMax: number;
}

/**
 * Makes a bound that sources share: only so many reads reach them, the others wait in the order in which they came.
 *
 * For readers that ask for much at once, such as a mount that will read a whole archive. A read counts twice the length of its
 * chunk, which is in memory as a blob and as plaintext. Whoever aborts while waiting is let go when their turn comes.
 */
export function bounded({ readsMax, bytesMax }: ReadBounds): (inner: ChunkSource) => ChunkSource {
  const waiting: { readonly bytes: number; readonly start: () => void }[] = [];
  let reads = 0;
  let bytesUnderWay = 0;
  const startWaiting = (): void => {
    for (let next = waiting[0]; next; next = waiting[0]) {
      const fits = reads < readsMax && bytesUnderWay + next.bytes <= bytesMax;
      if (!fits && reads > 0) return;
      waiting.shift();
      reads++;
      bytesUnderWay += next.bytes;
      next.start();
    }
  };

  return (inner) => ({
    async readChunk(digest, options) {
      const bytes = 2 * (options?.loanBytes ?? USUAL_BYTES);
      await new Promise<void>((start) => {
        waiting.push({ bytes, start });
        startWaiting();
      });
      try {
        options?.signal?.throwIfAborted();
        return await inner.readChunk(digest, options);
      } finally {
        reads--;
        bytesUnderWay -= bytes;
        startWaiting();
      }
    },
  });
}

import { BlobStore } from "../../src/server/store/blob-store.ts";
import { DigestSet } from "../../src/server/store/digest-set.ts";
import { LiveChunks } from "../../src/server/store/live-chunks.ts";

/** What keeps chunks alive, and how it is taken away. */
const protections = {
  /** Collection is not told of indexes that get their names while it runs. */
  notePublished: () =>
    replace(LiveChunks.prototype, "notePublished", (): void => {
      // Nobody is told.
    }),
  /** Collection is not told of chunks that are uploaded or used again while it runs. */
  noteUsed: () =>
    replace(LiveChunks.prototype, "noteUsed", (): void => {
      // Nobody is told.
    }),
  /** Collection does not know what running backups have uploaded or may use again. */
  addSession: () =>
    replace(LiveChunks.prototype, "addSession", (): void => {
      // Nobody is told.
    }),
  /** Collection goes by access times alone. */
  marks: () => replace(DigestSet.prototype, "has", () => false),
  /** What was found damaged is set aside without a second look. */
  secondLook: () =>
    replace(BlobStore.prototype, "setAsideIfBad", async function (this: BlobStore, digest) {
      return await this.withChunk(digest, async (chunks) => await chunks.setChunkAside(digest));
    }),
} as const;

/** Something without which chunks get lost. */
export type Protection = keyof typeof protections;

/** All that can be left out. */
export const protectionNames = Object.keys(protections) as readonly Protection[];

/** Takes something away that keeps chunks alive, in the whole process, until it is disposed: a check that then still passes is none. */
export function leaveOut(name: Protection): Disposable {
  return protections[name]();
}

function replace<T extends object, Name extends keyof T & string>(
  prototype: T,
  name: Name,
  by: T[Name],
): Disposable {
  const real = prototype[name];
  prototype[name] = by;
  return {
    [Symbol.dispose]: () => {
      prototype[name] = real;
    },
  };
}

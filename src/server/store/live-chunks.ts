import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type DigestSet } from "./digest-set.ts";
import { type KnownChunks } from "./known-chunks.ts";

/** What a running collection is told by everybody else in this process. */
export interface CollectionWatch extends Disposable {
  /** Indexes that got their names since the watch began and were not taken yet, by path; the collection empties it. */
  readonly published: string[];
  /** Chunks that the backups that run now may put into an index. */
  sessions(): readonly KnownChunks[];
}

/**
 * What this process knows about chunks in use that no listing of indexes can show (W4, docs/garbage-collection.md).
 *
 * Writers register what they may reference and report what they did; with no collection running, all of that costs
 * nothing. At most one collection runs at a time: it holds the exclusive guard of the process lock.
 */
export class LiveChunks {
  readonly #sessions = new Set<KnownChunks>();
  #marked: DigestSet | undefined;
  #published: string[] = [];

  /** Registers what a backup may reference, until {@link removeSession}. */
  addSession(known: KnownChunks): void {
    this.#sessions.add(known);
  }

  /** Ends a registration: its indexes have their names, or the backup was given up. */
  removeSession(known: KnownChunks): void {
    this.#sessions.delete(known);
  }

  /** Reports a chunk that was stored or marked as used; called inside its turn (`BlobStore`). */
  noteUsed(digest: Digest): void {
    this.#marked?.add(fromHex(digest));
  }

  /** Reports an index that has its final name, while everything that it references is still protected by its writer. */
  notePublished(path: string): void {
    if (this.#marked) this.#published.push(path);
  }

  /** Begins to tell a collection; disposal ends it. Chunks that are used from now on are added to `marked` at once. */
  watch(marked: DigestSet): CollectionWatch {
    const published: string[] = [];
    this.#marked = marked;
    this.#published = published;
    return {
      published,
      sessions: () => [...this.#sessions],
      [Symbol.dispose]: () => {
        this.#marked = undefined;
        this.#published = [];
      },
    };
  }
}

import { setImmediate } from "node:timers/promises";

import { BackupError } from "../../format/backup-error.ts";
import { fromHex } from "../../format/bytes/hex.ts";
import { DIGEST_BYTES, type Digest, digestOfBytes } from "../../format/chunk/digest.ts";
import { type CollectionStatus, noCollection } from "./collection-status.ts";
import { type DatastoreParts } from "./datastore-parts.ts";
import { DigestSet } from "./digest-set.ts";
import { findIndexes, indexKindOf, isRegularIndexPath } from "./find-indexes.ts";
import { indexDigests } from "./index-digests.ts";
import { type CollectionWatch } from "./live-chunks.ts";
import { type ChunkObjects, type SurveyedChunk } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";
import { GC_STATUS_FILE } from "./store-path.ts";

/** Safety margin before the oldest writer (spec datastore.md §7.5). */
const MARGIN_SEC = 300;
/** A chunk is not removed before it has not been used for so long: access times may lag a day behind (`relatime`). */
export const REST_SEC: number = 24 * 3600 + MARGIN_SEC;
const CHUNK_FOLDERS = 65_536;
/** Chunks that are marked in one step. */
const TOUCHED_AT_ONCE = 512;

/** What a collection says while it works. */
export interface CollectionProgress {
  /** An index was read, `done` of `total` known so far. */
  readonly marked?: (done: number, total: number) => void;
  /** A chunk that an index needs is not there. */
  readonly missing?: (digest: Digest, path: string) => void;
  /** All indexes are read; so many did not lie in a snapshot's folder. */
  readonly sweeping?: (strangeIndexes: number) => void;
  /** One more chunk object is looked at, after `seen` others; `percent` of the folders are behind. */
  readonly swept?: (percent: number, seen: number) => void;
  /** The result could not be written down. */
  readonly unsaved?: (error: Error) => void;
}

/** How one collection is run. */
export interface CollectionOptions {
  /** Task that collects. */
  readonly upid: string;
  readonly progress: CollectionProgress;
  /** For how long a chunk must not have been used to be removed; {@link REST_SEC} when absent. */
  readonly restSec?: number;
  /** Ends the run between two steps; what was removed by then was garbage. */
  readonly signal?: AbortSignal;
}

/**
 * Removes chunks that nothing needs: marks what is in use, then sweeps the rest (spec datastore.md §7).
 *
 * Runs beside backups, prunes, verifications and readers. Removes a chunk only if no index names it, no backup of this
 * process may still reference it, *and* it was not used since before the cutoff; why that is enough stands in
 * docs/garbage-collection.md. An index that cannot be read ends the run before anything is removed. A crash at any line leaves
 * less garbage. Memory: 6 bytes for each chunk in use, and the paths of the indexes.
 *
 * @throws {StoreError} `STORE_LOCKED` while another collection runs, `STORE_IN_USE` while another process writes,
 *   `STORE_INDEX_UNREADABLE`, `STORE_READ_ONLY`, `STORE_NOT_A_DATASTORE` when the disk is gone.
 */
export async function collectGarbage(
  parts: DatastoreParts,
  options: CollectionOptions,
): Promise<CollectionStatus> {
  const guard = await parts.processLock.exclusive();
  try {
    const marked = new DigestSet(parts.codec.randomBytes(8));
    using watch = parts.live.watch(marked);
    const collection = new Collection(parts, options, { marked, watch });
    return await collection.run();
  } finally {
    await guard.release();
  }
}

class Collection {
  readonly #parts: DatastoreParts;
  readonly #options: CollectionOptions;
  readonly #marked: DigestSet;
  readonly #watch: CollectionWatch;
  readonly #status = noCollection();
  readonly #startSec: number;
  readonly #oldestWriterSec: number;
  readonly #batch = new Uint8Array(TOUCHED_AT_ONCE * DIGEST_BYTES);
  #batched = 0;

  /** The watch has begun already: the times are taken after it. */
  constructor(
    parts: DatastoreParts,
    options: CollectionOptions,
    { marked, watch }: { readonly marked: DigestSet; readonly watch: CollectionWatch },
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#marked = marked;
    this.#watch = watch;
    this.#startSec = parts.clock.nowSec();
    const oldest = parts.processLock.oldestWriterSec;
    this.#oldestWriterSec = Math.min(this.#startSec, oldest ?? this.#startSec);
    this.#status.upid = options.upid;
  }

  async run(): Promise<CollectionStatus> {
    const { backend } = this.#parts;
    await backend.assertPresent();
    const strangeIndexes = await this.#mark();
    // From here on everything in use is marked, and stays so: see docs/garbage-collection.md.
    // A removed snapshot must not come back after a power cut without the chunks that are about to go.
    await backend.syncEverything();
    await backend.assertPresent();
    this.#options.progress.sweeping?.(strangeIndexes);
    await this.#sweep();
    await this.#save();
    return this.#status;
  }

  /** Phase 1; gives the number of indexes that lie outside of snapshots. */
  async #mark(): Promise<number> {
    // What was uploaded before the watch began is known to its session one turn of the event loop later at the latest.
    await setImmediate();
    for (const known of this.#watch.sessions()) {
      for (const block of known.blocks()) {
        for (let at = 0; at < block.length; at += DIGEST_BYTES) {
          if (this.#markOne(block, at)) await this.#touchBatch("a running backup");
        }
        this.#options.signal?.throwIfAborted();
      }
    }
    await this.#touchBatch("a running backup");
    // What has its name by now is found by the search, which begins in this very moment.
    const { published } = this.#watch;
    published.length = 0;
    const found = await findIndexes(this.#parts.backend, this.#options.signal);
    // What got its name during the search and was found is read below in any case.
    const isFound = new Set(found);
    const late = published.splice(0).filter((path) => !isFound.has(path));
    published.push(...late);
    let strange = 0;
    for (const [done, path] of found.entries()) {
      await this.#markIndex(path);
      if (!isRegularIndexPath(path)) strange++;
      this.#options.progress.marked?.(done + 1, found.length);
    }
    for (let path = published.shift(); path !== undefined; path = published.shift()) {
      await this.#markIndex(path);
    }
    return strange;
  }

  async #markIndex(path: string): Promise<void> {
    const { backend } = this.#parts;
    const kind = indexKindOf(path);
    if (kind === undefined) return;
    await using file = await backend.openFile(path);
    if (!file) return; // Removed with its snapshot.
    let size = 0;
    try {
      for await (const block of indexDigests(file, kind)) {
        this.#options.signal?.throwIfAborted();
        const { bytes, first, stride, count } = block;
        for (let i = 0; i < count; i++) {
          if (this.#markOne(bytes, first + i * stride)) await this.#touchBatch(path);
        }
        size = block.sizeSoFar;
      }
      await this.#touchBatch(path);
    } catch (cause) {
      this.#options.signal?.throwIfAborted();
      throw unreadable(path, cause);
    }
    this.#status["index-file-count"] += 1;
    this.#status["index-data-bytes"] += size;
  }

  /** Marks a digest that lies somewhere in `bytes`; says whether it is time to touch a batch. */
  #markOne(bytes: Uint8Array, at: number): boolean {
    if (!this.#marked.add(bytes, at)) return false;
    this.#batch.set(bytes.subarray(at, at + DIGEST_BYTES), this.#batched * DIGEST_BYTES);
    this.#batched += 1;
    return this.#batched === TOUCHED_AT_ONCE;
  }

  /** Sets the time of use of what was collected for it: genuine servers go by that, and so does the next run. */
  async #touchBatch(path: string): Promise<void> {
    const { backend } = this.#parts;
    const digests = this.#batch.slice(0, this.#batched * DIGEST_BYTES);
    this.#batched = 0;
    if (digests.length === 0) return;
    for (const position of await backend.touchChunks(digests)) {
      const at = position * DIGEST_BYTES;
      const digest = digestOfBytes(digests.subarray(at, at + DIGEST_BYTES));
      // What was set aside lives as long as something needs it (spec datastore.md §7.2).
      await backend.touchBadChunks(digest);
      this.#options.progress.missing?.(digest, path);
    }
  }

  /** Phase 2. */
  async #sweep(): Promise<void> {
    const { progress, signal } = this.#options;
    const restSec = this.#options.restSec ?? REST_SEC;
    const cutoffSec = Math.min(this.#startSec - restSec, this.#oldestWriterSec - MARGIN_SEC);
    let seen = 0;
    for await (const entries of this.#parts.backend.surveyChunks()) {
      signal?.throwIfAborted();
      for (const entry of entries) {
        progress.swept?.(percentOf(entry.digest), seen);
        seen++;
        // The surveyed figures say what to count; only what seems to be garbage is looked at again, and then for good.
        if (this.#isMarked(entry) || entry.usedAtSec >= cutoffSec) this.#count(entry);
        else await this.#removeUnlessUsed(entry, cutoffSec);
      }
    }
  }

  async #removeUnlessUsed(entry: SurveyedChunk, cutoffSec: number): Promise<void> {
    const { blobs } = this.#parts;
    await blobs.withChunk(entry.digest, async (chunks: ChunkObjects) => {
      const stat = await chunks.statChunkObject(entry);
      if (!stat) return;
      // Uploads take the same turn and leave their mark in it, so nothing can come between this look and the removal.
      if (this.#isMarked(entry) || stat.usedAtSec >= cutoffSec) {
        this.#count({ ...entry, ...stat });
        return;
      }
      if (!(await chunks.removeChunkObject(entry))) return;
      this.#status["removed-bytes"] += stat.size;
      this.#status[entry.isBad ? "removed-bad" : "removed-chunks"] += 1;
    });
  }

  /** What was set aside is never in use itself: only its time counts. */
  #isMarked(entry: SurveyedChunk): boolean {
    return !entry.isBad && this.#marked.has(fromHex(entry.digest));
  }

  #count(entry: SurveyedChunk): void {
    if (!this.#isMarked(entry) && entry.usedAtSec < this.#oldestWriterSec) {
      this.#status["pending-bytes"] += entry.size;
      this.#status[entry.isBad ? "still-bad" : "pending-chunks"] += 1;
      return;
    }
    this.#status["disk-bytes"] += entry.size;
    if (!entry.isBad) this.#status["disk-chunks"] += 1;
  }

  /** A result that cannot be kept, as on a full disk, does not make the work undone. */
  async #save(): Promise<void> {
    const text = JSON.stringify(this.#status);
    try {
      await this.#parts.backend.writeFile(GC_STATUS_FILE, new TextEncoder().encode(text), {
        onExisting: "replace",
        durability: "synced",
      });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#options.progress.unsaved?.(error);
    }
  }
}

/** Share of the chunk folders up to that of a chunk. */
function percentOf(digest: Digest): number {
  return Math.floor((Number.parseInt(digest.slice(0, 4), 16) * 100) / CHUNK_FOLDERS);
}

function unreadable(path: string, cause: unknown): unknown {
  const isFault = cause instanceof BackupError || (cause instanceof Error && "code" in cause);
  if (!isFault) return cause;
  const text = `cannot read index "${path}", nothing was removed - ${cause.message}`;
  return new StoreError("STORE_INDEX_UNREADABLE", text, { cause });
}

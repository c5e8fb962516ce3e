import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type KnownChunk } from "../../chunks/chunk-stream.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { type PackCounter } from "../archive/pack-counter.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { type NbdClient } from "./nbd-client.ts";
import { allocation, ALLOCATION_CONTEXT, bitmapContext, DIRTY } from "./nbd-wire.ts";

/** What is unchanged since an earlier snapshot. */
export interface UnchangedSince {
  /** Bitmap of the export whose clear bits mean unchanged. */
  readonly bitmap: string;
  /** The image in that snapshot, of the same size. */
  readonly index: ChunkIndex;
}

/**
 * Bytes that a snapshot-access node may be asked for at once, aligned: a cluster of the filter below.
 *
 * QEMU before 9.0 takes a range that begins with saved clusters and goes on with others for one that was not saved, and hands
 * out what the guest has written since (its commit "hbitmap: fix hbitmap_status() return value for first dirty bit case").
 * Within one cluster there is nothing to be mistaken about.
 */
export const SNAPSHOT_PIECE_BYTES = 65_536;

/** What the disk is cut with. */
export interface NbdCutsOptions {
  /** Bytes asked for at once, aligned; a divisor of the chunk. */
  readonly pieceBytes: number;
  /**
   * Bitmap of the export that notes what was written since its point in time: what the export says about zeros there may be of
   * later (see {@link SNAPSHOT_PIECE_BYTES}) and is not believed. `undefined` for images that nobody writes to.
   */
  readonly writtenSince: string | undefined;
  readonly since: UnchangedSince | undefined;
  readonly arena: SharedArena;
  readonly counters: SharedCounters<PackCounter>;
  readonly signal: AbortSignal;
  /** Name of a chunk that is all zeros. */
  readonly zeroDigest: Digest;
}

/** Chunks that are passed on together. */
const KNOWN_CHUNKS_MAX = 1024;

/** What is to be done with a chunk, as bits. */
const CHANGED = 1;
const HAS_DATA = 2;

/**
 * The 4 MiB chunks of a disk behind NBD, in order, in slots of the arena; the last one may be shorter (spec index.md §2.1).
 *
 * What did not change since the earlier snapshot is passed on by name; of the rest, what holds only zeros is not read either:
 * the first such chunk is passed on as zeros, the others by name. Memory: a byte for each chunk of the disk.
 *
 * @throws {VmError} `VM_DISK_UNREADABLE`, `VM_LOST`.
 */
export async function* nbdCuts(
  client: NbdClient,
  { since, writtenSince, pieceBytes, arena, counters, signal, zeroDigest }: NbdCutsOptions,
): AsyncGenerator<Cut, void, void> {
  const { size } = client;
  const todo = await mapChunks(client, since);
  if (writtenSince !== undefined) await markWritten(client, todo, writtenSince);
  const zeroChunk: KnownChunk = { digest: fromHex(zeroDigest), size: FIXED_CHUNK_BYTES };
  let isZeroChunkSent = false;
  const knownAt = (i: number): KnownChunk | undefined => {
    const kind = todo[i];
    if (kind === undefined) return undefined; // Behind the end.
    const chunkBytes = Math.min(FIXED_CHUNK_BYTES, size - i * FIXED_CHUNK_BYTES);
    if (since && (kind & CHANGED) === 0) {
      return { digest: since.index.digestBytesAt(i), size: chunkBytes };
    }
    const isZero = (kind & HAS_DATA) === 0 && chunkBytes === FIXED_CHUNK_BYTES;
    return isZero && isZeroChunkSent ? zeroChunk : undefined;
  };
  for (let i = 0; i < todo.length;) {
    signal.throwIfAborted();
    const streamOffset = i * FIXED_CHUNK_BYTES;
    const entries: KnownChunk[] = [];
    for (let known = knownAt(i); known && entries.length < KNOWN_CHUNKS_MAX; known = knownAt(i)) {
      entries.push(known);
      i += 1;
    }
    if (entries.length > 0) {
      counters.add("reusedBytes", Math.min(i * FIXED_CHUNK_BYTES, size) - streamOffset);
      yield { kind: "known", entries, streamOffset };
      continue;
    }
    const slot = await arena.acquireAsync({ signal });
    const wanted = Math.min(FIXED_CHUNK_BYTES, size - streamOffset);
    const space = arena.view(slot, 0, wanted);
    if (((todo[i] ?? 0) & HAS_DATA) === 0) {
      space.fill(0);
      isZeroChunkSent ||= wanted === FIXED_CHUNK_BYTES;
      counters.add("reusedBytes", wanted);
    } else {
      const starts = Array.from(
        { length: Math.ceil(wanted / pieceBytes) },
        (_, k) => k * pieceBytes,
      );
      const reads = starts.map(async (at) => {
        await client.readInto(space.subarray(at, at + pieceBytes), streamOffset + at);
      });
      // All have to end before the slot may be used again.
      for (const read of await Promise.allSettled(reads)) {
        if (read.status === "rejected") throw reasonOf(read);
      }
      counters.add("readBytes", wanted);
    }
    yield { kind: "data", slot, size: wanted, streamOffset };
    i += 1;
  }
}

/** Looks at all extents of the disk: which chunks changed, and which hold more than zeros. */
async function mapChunks(
  client: NbdClient,
  since: UnchangedSince | undefined,
): Promise<Uint8Array> {
  const { size } = client;
  const todo = new Uint8Array(Math.ceil(size / FIXED_CHUNK_BYTES));
  const knowsZeros = client.hasContext(ALLOCATION_CONTEXT);
  const bitmap = since && bitmapContext(since.bitmap);
  // What the server does not tell has to be read.
  if (!knowsZeros) todo.fill(HAS_DATA);
  if (bitmap === undefined || !client.hasContext(bitmap)) {
    for (let i = 0; i < todo.length; i++) todo[i] = (todo[i] ?? 0) | CHANGED;
  }
  for (let offset = 0; offset < size;) {
    const told = await client.blockStatus(offset, size - offset);
    if (told.size === 0) break;
    let end = size;
    for (const [context, extents] of told) {
      if (context !== bitmap && context !== ALLOCATION_CONTEXT) continue;
      let at = offset;
      for (const extent of extents) {
        const isMarked =
          context === bitmap
            ? (extent.flags & DIRTY) !== 0
            : (extent.flags & allocation.zero) === 0;
        if (isMarked) mark(todo, at, at + extent.size, context === bitmap ? CHANGED : HAS_DATA);
        at += extent.size;
      }
      end = Math.min(end, at);
    }
    offset = end;
  }
  return todo;
}

/** Asked after the zeros: what was written until then is not believed to be zeros. */
async function markWritten(client: NbdClient, todo: Uint8Array, bitmap: string): Promise<void> {
  const context = bitmapContext(bitmap);
  if (!client.hasContext(context)) {
    for (let i = 0; i < todo.length; i++) todo[i] = (todo[i] ?? 0) | HAS_DATA;
    return;
  }
  for (let offset = 0; offset < client.size;) {
    const extents = (await client.blockStatus(offset, client.size - offset)).get(context) ?? [];
    if (extents.length === 0) return;
    for (const { size, flags } of extents) {
      if ((flags & DIRTY) !== 0) mark(todo, offset, offset + size, HAS_DATA);
      offset += size;
    }
  }
}

function mark(todo: Uint8Array, start: number, end: number, bit: number): void {
  const last = Math.min(Math.ceil(end / FIXED_CHUNK_BYTES), todo.length);
  for (let i = Math.floor(start / FIXED_CHUNK_BYTES); i < last; i++) todo[i] = (todo[i] ?? 0) | bit;
}

function reasonOf({ reason }: PromiseRejectedResult): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

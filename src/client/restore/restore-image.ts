import { once } from "node:events";
import { type Writable } from "node:stream";

import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { SharedArena } from "../../chunks/shared-arena.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { CHUNK_BYTES_MAX } from "../../format/limits.ts";
import { RestoreError } from "../target/restore-error.ts";
import { type ImageTarget } from "./image-target.ts";
import { isChunkDamage } from "./restore-damage.ts";

/** Chunks fetched, decoded and written at the same time; the memory of these functions. */
const IN_FLIGHT_MAX = 8;

/** Longest run of zeros that is one step, so that progress shows. */
const ZERO_RUN_BYTES_MAX = 1024 * 1024 * 1024;

/** An archive as the bytes it consists of. */
export interface ByteArchive {
  readonly index: ChunkIndex;
  /** Name of a chunk of zeros as long as the first one; such chunks are not fetched. `undefined` when there is none. */
  readonly zeroDigest: Digest | undefined;
  /**
   * Reads the plaintext of a chunk by its position, proven and as long as the index says; calls overlap.
   *
   * @param into Shared memory that the plaintext may be put into, so that it need not be new.
   */
  readonly readChunk: (index: number, into?: Uint8Array) => Promise<Uint8Array>;
}

/** What both functions of this file are told. */
export interface ImageOptions {
  /** Called with the bytes of each piece when it is written. */
  readonly onBytes: (size: number) => void;
  readonly signal: AbortSignal;
}

/** A range that cannot be had; the end is exclusive. */
export type DamagedRange = (range: {
  readonly start: number;
  readonly end: number;
  readonly cause: unknown;
}) => void;

/** A stretch of the archive: one chunk, or zeros, which are in no chunk that has to be read. */
type Piece =
  | { readonly kind: "chunk"; readonly index: number; readonly start: number; readonly end: number }
  | { readonly kind: "zeros"; readonly start: number; readonly end: number };

/**
 * Writes the bytes of an archive to a file or device, in any order.
 *
 * Ranges whose chunks are damaged are told and left out; the target then gets no final name.
 *
 * @throws {RestoreError} `RESTORE_INCOMPLETE` in the end, when some are; what reading and writing throw.
 */
export async function restoreToTarget(
  archive: ByteArchive,
  target: ImageTarget,
  options: ImageOptions & { readonly onDamage: DamagedRange },
): Promise<void> {
  const { onBytes, onDamage, signal } = options;
  const arena = makeArena();
  let damagedCount = 0;
  const restore = async (piece: Piece): Promise<number> => {
    signal.throwIfAborted();
    const { start, end } = piece;
    if (piece.kind === "zeros") await target.writeZeros(start, end - start);
    else {
      const slot = await arena.acquireAsync({ signal });
      try {
        const chunk = await archive.readChunk(piece.index, memoryOf(arena, slot));
        await target.write(chunk, start);
      } catch (cause) {
        if (!isChunkDamage(cause)) throw cause;
        damagedCount += 1;
        onDamage({ start, end, cause });
      } finally {
        arena.release(slot);
      }
    }
    return end - start;
  };
  try {
    for await (const size of mapConcurrent(piecesOf(archive), IN_FLIGHT_MAX, restore))
      onBytes(size);
  } catch (error) {
    await target.discard();
    throw error;
  }
  if (damagedCount === 0) {
    await target.finish();
    return;
  }
  const place = await target.finishDamaged();
  const reason = `damaged ranges left out: ${damagedCount}`;
  throw new RestoreError("RESTORE_INCOMPLETE", place, reason);
}

/**
 * Writes the bytes of an archive to a stream, which is not ended.
 *
 * A reader that closes its end early, such as `head`, has what it wanted: that is no failure.
 *
 * @throws {ChunkError} At the first damaged chunk, since what follows would be taken for something else.
 */
export async function restoreToStream(
  archive: ByteArchive,
  output: Writable,
  { onBytes, signal }: ImageOptions,
): Promise<void> {
  const arena = makeArena();
  const read = async (
    piece: Piece,
  ): Promise<Piece & { readonly slot?: number; bytes?: Uint8Array }> => {
    signal.throwIfAborted();
    if (piece.kind === "zeros") return piece;
    const slot = await arena.acquireAsync({ signal });
    return { ...piece, slot, bytes: await archive.readChunk(piece.index, memoryOf(arena, slot)) };
  };
  const send = async (bytes: Uint8Array): Promise<void> => {
    if (!output.write(bytes)) await once(output, "drain", { signal });
  };
  try {
    for await (const { slot, bytes, start, end } of mapConcurrent(
      piecesOf(archive),
      IN_FLIGHT_MAX,
      read,
    )) {
      if (bytes && slot !== undefined) {
        // A stream may keep what it is given, and shared memory is not for streams.
        const copy = bytes.slice();
        arena.release(slot);
        await send(copy);
      } else await sendZeros(end - start, send);
      onBytes(end - start);
    }
  } catch (error) {
    const isClosed = error instanceof Error && "code" in error && error.code === "EPIPE";
    if (!isClosed) throw error;
  }
}

/**
 * Writes pieces to a stream, likewise.
 *
 * @throws What making the pieces throws.
 */
export async function sendPieces(
  pieces: AsyncIterable<Uint8Array>,
  output: Writable,
  { onBytes, signal }: ImageOptions,
): Promise<void> {
  try {
    for await (const piece of pieces) {
      if (!output.write(piece)) await once(output, "drain", { signal });
      onBytes(piece.length);
    }
  } catch (error) {
    const isClosed = error instanceof Error && "code" in error && error.code === "EPIPE";
    if (!isClosed) throw error;
  }
}

async function sendZeros(size: number, send: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const zeros = new Uint8Array(Math.min(size, 4 * 1024 * 1024));
  for (let left = size; left > 0; left -= zeros.length) await send(zeros.subarray(0, left));
}

function* piecesOf({ index, zeroDigest }: ByteArchive): Generator<Piece, void, void> {
  const zeroSize = index.endOf(0);
  const isZeros = (i: number): boolean =>
    zeroDigest !== undefined &&
    index.digestAt(i) === zeroDigest &&
    index.endOf(i) - index.startOf(i) === zeroSize;
  for (let i = 0; i < index.count;) {
    const start = index.startOf(i);
    if (!isZeros(i)) {
      yield { kind: "chunk", index: i, start, end: index.endOf(i) };
      i += 1;
      continue;
    }
    let end = start;
    while (i < index.count && isZeros(i) && end - start < ZERO_RUN_BYTES_MAX) {
      end = index.endOf(i);
      i += 1;
    }
    yield { kind: "zeros", start, end };
  }
}

function makeArena(): SharedArena {
  return SharedArena.create({ slotCount: IN_FLIGHT_MAX, slotBytes: CHUNK_BYTES_MAX });
}

function memoryOf(arena: SharedArena, slot: number): Uint8Array {
  return arena.view(slot, 0, arena.slotBytes);
}

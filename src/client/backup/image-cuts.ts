import { type FileHandle } from "node:fs/promises";

import { type Cut } from "../../chunks/chunk-cutter.ts";
import { type KnownChunk } from "../../chunks/chunk-stream.ts";
import { type SharedArena } from "../../chunks/shared-arena.ts";
import { fromHex } from "../../format/bytes/hex.ts";
import { type Digest } from "../../format/chunk/digest.ts";
import { FIXED_CHUNK_BYTES } from "../../format/limits.ts";
import { nextData } from "../../linux/file-content.ts";
import { type PackCounter } from "../archive/pack-counter.ts";
import { type SharedCounters } from "../shared-counters.ts";
import { SourceError } from "../source/source-error.ts";
import { openContent, type SourceContent } from "./open-content.ts";

/** What images are cut with. */
export interface ImageCutsOptions {
  /** Path of the image, for errors. */
  readonly path: string;
  readonly arena: SharedArena;
  readonly counters: SharedCounters<PackCounter>;
  readonly signal: AbortSignal;
  /** Name of a chunk that is all zeros. */
  readonly zeroDigest: Digest;
}

/** Chunks of a hole that are passed on together. */
const HOLE_CHUNKS_MAX = 1024;

/**
 * Opens an image.
 *
 * @throws {SourceError} `SOURCE_UNREADABLE`, also for an empty one, which no index can describe (spec index.md §4).
 */
export async function openImage(path: string): Promise<SourceContent> {
  const content = await openContent(path);
  if (content.kind === "stream" || content.size > 0) return content;
  await content[Symbol.asyncDispose]();
  throw unreadable(path, "it is empty");
}

/**
 * The 4 MiB chunks of an image in order, in slots of the arena; the last one is shorter (spec chunker.md §6).
 *
 * Chunks that lie in a hole are not read: the first is passed on as zeros, the others by name. A file system that knows no
 * holes, and a block device, has none; nor has a pipe, which ends where it ends.
 *
 * @throws {SourceError} `SOURCE_UNREADABLE` when it gets shorter while it is read, and for a pipe that stays empty.
 */
export function imageCuts(
  content: SourceContent,
  options: ImageCutsOptions,
): AsyncGenerator<Cut, void, void> {
  return content.kind === "file"
    ? cutFile(content.file, content.size, options)
    : cutStream(content.input, options);
}

async function* cutFile(
  file: FileHandle,
  size: number,
  { path, arena, counters, signal, zeroDigest }: ImageCutsOptions,
): AsyncGenerator<Cut, void, void> {
  const holes = new HoleFinder(file.fd, size);
  const zeroChunk: KnownChunk = { digest: fromHex(zeroDigest), size: FIXED_CHUNK_BYTES };
  let isZeroChunkSent = false;
  for (let offset = 0; offset < size;) {
    signal.throwIfAborted();
    const holeChunks = Math.min(holes.chunksAt(offset), HOLE_CHUNKS_MAX);
    if (holeChunks > 0 && isZeroChunkSent) {
      const entries = Array.from({ length: holeChunks }, () => zeroChunk);
      yield { kind: "known", entries, streamOffset: offset };
      offset += holeChunks * FIXED_CHUNK_BYTES;
      counters.add("reusedBytes", holeChunks * FIXED_CHUNK_BYTES);
      continue;
    }
    const slot = await arena.acquireAsync({ signal });
    const wanted = Math.min(FIXED_CHUNK_BYTES, size - offset);
    const space = arena.view(slot, 0, wanted);
    if (holeChunks > 0) {
      space.fill(0);
      isZeroChunkSent = true;
    } else await readFully(file, space, offset, path);
    yield { kind: "data", slot, size: wanted, streamOffset: offset };
    counters.add("readBytes", wanted);
    offset += wanted;
  }
}

async function* cutStream(
  input: AsyncIterable<Uint8Array>,
  { path, arena, counters, signal }: ImageCutsOptions,
): AsyncGenerator<Cut, void, void> {
  let slot: number | undefined;
  let filled = 0;
  let offset = 0;
  const finish = (): Cut => {
    const cut: Cut = { kind: "data", slot: slot ?? 0, size: filled, streamOffset: offset };
    offset += filled;
    filled = 0;
    slot = undefined;
    return cut;
  };
  for await (const piece of readUntilAborted(input, signal)) {
    for (let from = 0; from < piece.length;) {
      slot ??= await arena.acquireAsync({ signal });
      const part = piece.subarray(from, from + FIXED_CHUNK_BYTES - filled);
      arena.view(slot, filled, part.length).set(part);
      from += part.length;
      filled += part.length;
      counters.add("readBytes", part.length);
      if (filled === FIXED_CHUNK_BYTES) yield finish();
    }
  }
  if (filled > 0) yield finish();
  if (offset === 0) throw unreadable(path, "it is empty");
}

/** A pipe whose writer is silent would otherwise be waited for. */
async function* readUntilAborted(
  input: AsyncIterable<Uint8Array> & { destroy?: (error?: Error) => unknown },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const onAbort = (): void => {
    input.destroy?.(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    yield* input;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Finds whole chunks that lie in holes; asked for growing offsets. */
class HoleFinder {
  readonly #fd: number;
  readonly #size: number;
  #dataStart = 0;
  #dataEnd = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
  }

  /** How many chunks from this chunk's offset on are nothing but a hole; a last, shorter one does not count. */
  chunksAt(offset: number): number {
    if (offset >= this.#dataEnd) {
      const data = nextData(this.#fd, offset);
      this.#dataStart = data?.start ?? this.#size;
      this.#dataEnd = data?.end ?? Number.MAX_SAFE_INTEGER;
    }
    if (this.#dataStart <= offset) return 0;
    const end = Math.min(this.#dataStart, this.#size);
    return Math.floor((end - offset) / FIXED_CHUNK_BYTES);
  }
}

async function readFully(
  file: FileHandle,
  space: Uint8Array,
  offset: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < space.length;) {
    const { bytesRead } = await file.read(space, done, space.length - done, offset + done);
    if (bytesRead === 0) throw unreadable(path, "it became shorter");
    done += bytesRead;
  }
}

function unreadable(path: string, reason: string): SourceError {
  return new SourceError("SOURCE_UNREADABLE", path, { cause: new Error(reason) });
}

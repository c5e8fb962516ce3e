import { type FileHandle, open } from "node:fs/promises";
import { type Writable } from "node:stream";
import { once } from "node:events";

import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { mapConcurrent } from "../../chunks/map-concurrent.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { RestoreError } from "../target/restore-error.ts";

/** Chunks fetched at the same time; the memory of these functions. */
const IN_FLIGHT_MAX = 8;

/** An archive as the bytes it consists of. */
export interface ByteArchive {
  readonly index: ChunkIndex;
  readonly chunks: ChunkSource;
}

/** What both functions of this file are told. */
export interface StreamOptions {
  /** Called after every chunk with its size; the next one waits for it. */
  readonly onBytes: (size: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Writes the bytes of an archive to a new file; runs of zeros that are whole chunks become holes.
 *
 * @throws {RestoreError} `RESTORE_EXISTS` when the file is there; `RESTORE_TARGET_UNUSABLE`.
 */
export async function restoreToFile(
  archive: ByteArchive,
  path: string,
  options: StreamOptions,
): Promise<void> {
  const file = await openNew(path);
  try {
    let offset = 0;
    for await (const chunk of chunksOf(archive, options)) {
      if (!isZero(chunk)) await writeAll(file, chunk, offset);
      offset += chunk.length;
      await options.onBytes(chunk.length);
    }
    await file.truncate(offset);
  } finally {
    await file.close();
  }
}

/**
 * Writes the bytes of an archive to a stream, which is not ended.
 *
 * A reader that closes its end early, such as `head`, has what it wanted: that is no failure.
 */
export async function restoreToStream(
  archive: ByteArchive,
  output: Writable,
  options: StreamOptions,
): Promise<void> {
  try {
    for await (const chunk of chunksOf(archive, options)) {
      // A stream may keep what it is given, and shared memory is not for streams.
      if (!output.write(chunk.slice())) await once(output, "drain", { signal: options.signal });
      await options.onBytes(chunk.length);
    }
  } catch (error) {
    const isClosed = error instanceof Error && "code" in error && error.code === "EPIPE";
    if (!isClosed) throw error;
  }
}

/** Makes a file that must not be there yet. */
export async function writeNewFile(path: string, content: Uint8Array): Promise<void> {
  const file = await openNew(path);
  try {
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}

function chunksOf(
  { index, chunks }: ByteArchive,
  { signal }: StreamOptions,
): AsyncIterable<Uint8Array> {
  const positions = Array.from({ length: index.count }, (_, i) => i);
  return mapConcurrent(positions, IN_FLIGHT_MAX, async (i, stop) => {
    const digest = index.digestAt(i);
    const size = index.endOf(i) - index.startOf(i);
    const chunk = await chunks.readChunk(digest, { signal: AbortSignal.any([signal, stop]) });
    if (chunk.length !== size) {
      throw new RestoreError("RESTORE_FAILED", digest, `chunk has ${chunk.length} bytes`);
    }
    return chunk;
  });
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (exists) throw new RestoreError("RESTORE_EXISTS", path);
    throw new RestoreError("RESTORE_TARGET_UNUSABLE", path, String(error));
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

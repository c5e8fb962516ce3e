import { close, constants, fstat, open as openCallback, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { Socket } from "node:net";
import { type Readable } from "node:stream";
import { promisify } from "node:util";

import { endOf } from "../../linux/file-content.ts";
import { SourceError } from "../source/source-error.ts";

/** Bytes to back up that are no tree: something of a known size that can be read anywhere, or a pipe. */
export type SourceContent = AsyncDisposable &
  (
    | { readonly kind: "file"; readonly file: FileHandle; readonly size: number }
    | { readonly kind: "stream"; readonly input: Readable }
  );

const openDescriptor = promisify(openCallback);
const statusOf = promisify(fstat);
const closeDescriptor = promisify(close);

/** Where the standard input has its path. */
const STANDARD_INPUT = "/dev/stdin";

/**
 * Opens a regular file, a block device or a named pipe; symbolic links are followed.
 *
 * A pipe that nobody writes to yet is waited for by whoever reads it. `/dev/stdin` may also be a socket, which cannot be
 * opened by its path and is read as it is.
 *
 * @throws {SourceError} `SOURCE_UNREADABLE`, also for directories, terminals and other devices.
 */
export async function openContent(path: string): Promise<SourceContent> {
  try {
    // Opening a pipe to read it would wait for a writer, in a thread that nothing can wake.
    const fd = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK);
    let isKept = false;
    try {
      const status = await statusOf(fd);
      isKept = status.isFIFO();
      if (isKept) return streamOf(new Socket({ fd, readable: true, writable: false }));
      checkKind(status);
    } finally {
      if (!isKept) await closeDescriptor(fd);
    }
    return await openFile(path);
  } catch (cause) {
    const isSocket = cause instanceof Error && "code" in cause && cause.code === "ENXIO";
    if (isSocket && path === STANDARD_INPUT) return streamOf(process.stdin);
    throw new SourceError("SOURCE_UNREADABLE", path, { cause });
  }
}

async function openFile(path: string): Promise<SourceContent> {
  const file = await open(path, "r");
  try {
    checkKind(await file.stat());
    const size = endOf(file.fd);
    return {
      kind: "file",
      file,
      size,
      [Symbol.asyncDispose]: async () => {
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function streamOf(input: Readable): SourceContent {
  input.on("error", () => undefined); // Told to whoever reads; afterwards it is nobody's business.
  return {
    kind: "stream",
    input,
    [Symbol.asyncDispose]: async () => {
      input.destroy();
      await Promise.resolve();
    },
  };
}

function checkKind(status: Stats): void {
  if (status.isFile() || status.isBlockDevice()) return;
  throw new Error("it is not a regular file, a block device or a pipe");
}

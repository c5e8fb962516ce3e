import { type FileHandle } from "node:fs/promises";

import { type DiskCalls } from "./atomic-file.ts";
import { absentAs, requireSize } from "./read-whole-file.ts";
import { type StoredFile } from "./store-backend.ts";

/**
 * Opens a file for reading at any place.
 *
 * @returns `undefined` when there is no such file.
 * @throws {StoreError} `STORE_UNREADABLE` for more than `sizeMax` bytes.
 */
export async function openLocalFile(
  disk: DiskCalls,
  path: string,
  sizeMax: number,
): Promise<StoredFile | undefined> {
  const file = await absentAs(undefined, disk.open(path, "r"), "ENOTDIR");
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    requireSize(path, size, sizeMax);
    return storedFile(file, size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function storedFile(file: FileHandle, size: number): StoredFile {
  return {
    size,
    readAt: async (offset, wanted) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(wanted, size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    readInto: async (targets) => {
      let rest = targets.filter(({ length }) => length > 0);
      let done = 0;
      while (rest.length > 0) {
        const { bytesRead } = await file.readv(rest, done);
        if (bytesRead === 0) break;
        done += bytesRead;
        rest = behind(rest, bytesRead);
      }
      return done;
    },
    [Symbol.asyncDispose]: async () => {
      await file.close();
    },
  };
}

/** What is left of some memory when its first `count` bytes are taken away. */
function behind(targets: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const target of targets) {
    if (skip < target.length) rest.push(target.subarray(skip));
    skip = Math.max(0, skip - target.length);
  }
  return rest;
}

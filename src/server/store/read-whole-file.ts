import { type ReadBlobOptions } from "../../chunks/blob-source.ts";
import { type DiskCalls, hasErrno } from "./atomic-file.ts";
import { StoreError } from "./store-error.ts";

/**
 * Turns "there is no such file" into a value; everything else stays a failure.
 *
 * @param errnos Further errno names that mean absence for this call, beside `ENOENT`.
 */
export async function absentAs<T, Absent>(
  absent: Absent,
  result: Promise<T>,
  ...errnos: readonly string[]
): Promise<T | Absent> {
  try {
    return await result;
  } catch (error) {
    if (hasErrno(error, "ENOENT", ...errnos)) return absent;
    throw error;
  }
}

/**
 * Reads a file in one piece; owned, or in the memory that `allocate` offers if the file fits there.
 *
 * @returns `undefined` when there is no such file.
 * @throws {StoreError} `STORE_UNREADABLE` for more than `sizeMax` bytes, before anything is allocated.
 */
export async function readWholeFile(
  disk: DiskCalls,
  path: string,
  sizeMax: number,
  allocate?: ReadBlobOptions["allocate"],
): Promise<Uint8Array | undefined> {
  await using file = await absentAs(undefined, disk.open(path, "r"), "ENOTDIR");
  if (!file) return undefined;
  const { size } = await file.stat();
  requireSize(path, size, sizeMax);
  const offered = allocate?.(size);
  const bytes = offered && offered.length >= size ? offered : new Uint8Array(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await file.read(bytes, done, size - done, done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** Fails with `STORE_UNREADABLE` for a file that is too long to be what it should. */
export function requireSize(path: string, size: number, sizeMax: number): void {
  if (size <= sizeMax) return;
  throw new StoreError(
    "STORE_UNREADABLE",
    `Cannot read "${path}": ${size} bytes, at most ${sizeMax} allowed`,
  );
}

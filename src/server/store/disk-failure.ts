import { StoreError, type StoreErrorCode } from "./store-error.ts";

/** Why a disk does not take what is written to it, by the system's error (errno(3)). */
const failures: Readonly<Record<string, readonly [code: StoreErrorCode, reason: string]>> = {
  ENOSPC: ["STORE_FULL", "no space left on the disk"],
  EDQUOT: ["STORE_FULL", "the disk quota is used up"],
  EROFS: ["STORE_UNWRITABLE", "the file system is read-only"],
  EIO: ["STORE_UNREADABLE", "the disk reports an input/output error"],
};

/**
 * What an error of the system means for people who look at the datastore from outside, without its paths.
 *
 * @returns `undefined` for errors that say nothing about the disk.
 */
export function diskFailure(error: unknown): StoreError | undefined {
  const isOfSystem = error instanceof Error && "code" in error && typeof error.code === "string";
  const failure = isOfSystem ? failures[String(error.code)] : undefined;
  if (!failure) return undefined;
  const [code, reason] = failure;
  return new StoreError(code, `datastore: ${reason}`, { cause: error });
}

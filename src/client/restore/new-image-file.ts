import { access, type FileHandle, link, lstat, open, rename, unlink } from "node:fs/promises";

import { dataRuns } from "../target/data-runs.ts";
import { RestoreError } from "../target/restore-error.ts";
import { type ImageTarget } from "./image-target.ts";
import { writeAll } from "./write-all.ts";

/** Runs of zeros of this length become holes: the usual block of a file system. */
const HOLE_BYTES_MIN = 4096;
const ZEROS: Uint8Array = new Uint8Array(1024 * 1024);

/** How a {@link NewImageFile} is made. */
export interface NewImageOptions {
  /** Bytes of the image; when absent, it ends where the writing did. */
  readonly size?: number;
  /** Whether a file of the name is replaced in the end. */
  readonly existing: "refuse" | "replace";
  /** Whether runs of zeros become holes. */
  readonly zeros: "holes" | "written";
}

/**
 * A file that gets its name when it is whole; meanwhile it is called `NAME.partial`, where a damaged one stays.
 *
 * A program that is killed leaves that file behind, which the next one refuses to overwrite.
 */
export class NewImageFile implements ImageTarget {
  readonly #path: string;
  readonly #options: NewImageOptions;
  readonly #file: FileHandle;

  private constructor(path: string, options: NewImageOptions, file: FileHandle) {
    this.#path = path;
    this.#options = options;
    this.#file = file;
  }

  /**
   * Makes the file.
   *
   * @throws {RestoreError} `RESTORE_EXISTS`, `RESTORE_TARGET_UNUSABLE`.
   */
  static async create(path: string, options: NewImageOptions): Promise<NewImageFile> {
    await checkName(path, options.existing);
    const partial = partialOf(path);
    try {
      const file = await open(partial, "wx", 0o600);
      return new NewImageFile(path, options, file);
    } catch (error) {
      if (isCode(error, "EEXIST")) throw new RestoreError("RESTORE_EXISTS", partial);
      throw new RestoreError("RESTORE_TARGET_UNUSABLE", path, String(error));
    }
  }

  async write(piece: Uint8Array, offset: number): Promise<void> {
    if (this.#options.zeros === "written") {
      await writeAll(this.#file, piece, offset);
      return;
    }
    for (const { start, end } of dataRuns(piece, { offset, blockBytes: HOLE_BYTES_MIN })) {
      await writeAll(this.#file, piece.subarray(start, end), offset + start);
    }
  }

  async writeZeros(offset: number, size: number): Promise<void> {
    if (this.#options.zeros === "holes") return;
    for (let done = 0; done < size; done += ZEROS.length) {
      await writeAll(this.#file, ZEROS.subarray(0, size - done), offset + done);
    }
  }

  async finish(): Promise<void> {
    await this.#close();
    await giveName(this.#path, this.#options.existing);
  }

  async finishDamaged(): Promise<string> {
    await this.#close();
    return partialOf(this.#path);
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await unlink(partialOf(this.#path)).catch(() => undefined);
  }

  /** A hole at the end is there only when the size says so. */
  async #close(): Promise<void> {
    try {
      if (this.#options.size !== undefined) await this.#file.truncate(this.#options.size);
    } finally {
      await this.#file.close();
    }
  }
}

/**
 * Makes a file of what comes, which has its name only when it is whole; of one that fails nothing is left.
 *
 * @returns Its bytes.
 * @throws {RestoreError} As {@link NewImageFile.create}; what `content` throws.
 */
export async function writeNewFile(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  existing: NewImageOptions["existing"],
): Promise<number> {
  const file = await NewImageFile.create(path, { existing, zeros: "written" });
  let bytes = 0;
  try {
    for await (const piece of content) {
      await file.write(piece, bytes);
      bytes += piece.length;
    }
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.finish();
  return bytes;
}

async function checkName(path: string, existing: NewImageOptions["existing"]): Promise<void> {
  const present = await lstat(path).catch(() => undefined);
  if (!present) return;
  const mayGo = existing === "replace" && !present.isDirectory();
  if (!mayGo) throw new RestoreError("RESTORE_EXISTS", path);
}

async function giveName(path: string, existing: NewImageOptions["existing"]): Promise<void> {
  const partial = partialOf(path);
  if (existing === "replace") {
    await rename(partial, path);
    return;
  }
  try {
    // Unlike a renaming this replaces nothing that came meanwhile.
    await link(partial, path);
    await unlink(partial);
  } catch (error) {
    if (isCode(error, "EEXIST")) throw new RestoreError("RESTORE_EXISTS", path);
    await renameIfFree(partial, path);
  }
}

/** For file systems without hard links. */
async function renameIfFree(partial: string, path: string): Promise<void> {
  const isFree = await access(path).then(
    () => false,
    (error: unknown) => isCode(error, "ENOENT"),
  );
  if (!isFree) throw new RestoreError("RESTORE_EXISTS", path);
  await rename(partial, path);
}

function partialOf(path: string): string {
  return `${path}.partial`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

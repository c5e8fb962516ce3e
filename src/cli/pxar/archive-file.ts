import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import { type ChunkSource } from "../../chunks/chunk-source.ts";
import { type RestorableArchive } from "../../client/target/restore-tree.ts";
import { type Digest, digestOfBytes } from "../../format/chunk/digest.ts";
import { createNativeProvider } from "../../format/crypto/native-provider.ts";
import { type ChunkIndex } from "../../format/index/chunk-index.ts";
import { DynamicIndexBuilder, parseDynamicIndex } from "../../format/index/dynamic-index.ts";
import { FormatError } from "../../format/format-error.ts";
import { CliError } from "../cli-error.ts";

/** Bytes of a file that count as one chunk. */
const PIECE_BYTES = 2 * 1024 * 1024;

/**
 * An archive in a file, as the readers of archives want it: an index of chunks, each a piece of the file.
 *
 * The digests of this index only number the pieces: a file has none, and nothing proves its bytes.
 */
export class ArchiveFile implements AsyncDisposable, RestorableArchive {
  readonly index: ChunkIndex;
  readonly indexFile: Uint8Array;
  readonly #file: FileHandle;
  readonly #places: ReadonlyMap<Digest, number>;

  private constructor(file: FileHandle, size: number) {
    const provider = createNativeProvider();
    const builder = new DynamicIndexBuilder(provider);
    const places = new Map<Digest, number>();
    const uuid = randomUUID();
    for (let offset = 0; offset < size; offset += PIECE_BYTES) {
      const name = new TextEncoder().encode(`${uuid} ${offset}`);
      const digest = digestOfBytes(provider.sha256(name));
      places.set(digest, places.size);
      builder.append(Math.min(PIECE_BYTES, size - offset), digest);
    }
    this.indexFile = builder.build({ uuid: new Uint8Array(16), createdAtSec: 0n });
    this.index = parseDynamicIndex(this.indexFile);
    this.#file = file;
    this.#places = places;
  }

  /**
   * Opens an archive; `-` is standard input, which is copied to a temporary file without a name.
   *
   * @throws {CliError} `CLI_USAGE` for what is no file.
   */
  static async open(path: string): Promise<ArchiveFile> {
    const file = path === "-" ? await spooledInput() : await openFile(path);
    try {
      const status = await file.stat();
      if (!status.isFile())
        throw new CliError("CLI_USAGE", `Cannot read archive "${path}": no regular file`);
      if (status.size === 0)
        throw new CliError("CLI_USAGE", `Cannot read archive "${path}": empty`);
      return new ArchiveFile(file, status.size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get chunkCount(): number {
    return this.index.count;
  }

  /** Whether a digest is one of the index's. */
  holds(digest: Digest): boolean {
    return this.#places.has(digest);
  }

  /** The pieces by the digests of the index. */
  get chunks(): ChunkSource {
    return {
      readChunk: async (digest) => {
        const place = this.#places.get(digest);
        if (place === undefined) throw new TypeError(`no piece is called ${digest}`);
        return await this.readChunk(place);
      },
    };
  }

  readonly readChunk = async (place: number, into?: Uint8Array): Promise<Uint8Array> => {
    const start = this.index.startOf(place);
    const size = this.index.endOf(place) - start;
    const piece = into?.subarray(0, size) ?? new Uint8Array(size);
    for (let done = 0; done < size;) {
      const { bytesRead } = await this.#file.read(piece, done, size - done, start + done);
      if (bytesRead === 0)
        throw new CliError("CLI_USAGE", "Cannot read the archive: it was cut short");
      done += bytesRead;
    }
    return piece;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/**
 * Does something with an archive, so that its path is in the message when its bytes are wrong.
 *
 * @throws {FormatError} with the path, and what was found as its cause; what else `use` throws as it is.
 */
export async function namingArchive<Result>(
  path: string,
  use: () => Promise<Result>,
): Promise<Result> {
  try {
    return await use();
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const what = path === "-" ? "standard input" : `archive "${path}"`;
    throw new FormatError(cause.code, what, "it is damaged, or no pxar archive", { cause });
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new CliError("CLI_NOT_FOUND", `Cannot read archive "${path}"`, { cause });
  }
}

async function spooledInput(): Promise<FileHandle> {
  const path = join(tmpdir(), `amber-pxar-${randomUUID()}`);
  const file = await open(path, "wx+", 0o600);
  await unlink(path);
  const input = createReadStream("", { fd: 0, autoClose: false });
  await pipeline(input, createWriteStream("", { fd: file.fd, autoClose: false }));
  return file;
}

import assert from "node:assert/strict";
import { type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

import { type DiskCalls, STORE_FILE_MODE, syncFolder, temporaryPath } from "./atomic-file.ts";
import { type Durability, type StagedFile } from "./store-backend.ts";

/** A file under construction in a local folder: `root.pxar.tmp_didx` until it is `root.pxar.didx` (spec datastore.md §1.3). */
export class LocalStagedFile implements StagedFile {
  readonly #disk: DiskCalls;
  readonly #file: FileHandle;
  readonly #temporary: string;
  readonly #path: string;
  #state: "open" | "published" | "gone" = "open";

  private constructor(disk: DiskCalls, file: FileHandle, temporary: string, path: string) {
    this.#disk = disk;
    this.#file = file;
    this.#temporary = temporary;
    this.#path = path;
  }

  /** Creates the empty file; fails when one of that name is under construction. */
  static async create(disk: DiskCalls, path: string): Promise<LocalStagedFile> {
    const temporary = temporaryPath(path, path.slice(path.lastIndexOf(".") + 1));
    const file = await disk.open(temporary, "wx+", STORE_FILE_MODE);
    return new LocalStagedFile(disk, file, temporary, path);
  }

  async writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(
        bytes,
        done,
        bytes.length - done,
        offset + done,
      );
      done += bytesWritten;
    }
  }

  async readAt(offset: number, size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      const { bytesRead } = await this.#file.read(bytes, done, size - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  }

  async publish(size: number, durability: Durability): Promise<void> {
    assert.equal(this.#state, "open");
    await this.#file.truncate(size);
    await this.#file.chmod(STORE_FILE_MODE);
    if (durability === "synced") await this.#file.sync();
    await this.#disk.rename(this.#temporary, this.#path);
    this.#state = "published";
    await this.#file.close();
    if (durability === "synced") await syncFolder(this.#disk, dirname(this.#path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "gone";
    await this.#file.close();
    await this.#disk.unlink(this.#temporary).catch(() => undefined); // Its folder may have gone before it.
  }
}

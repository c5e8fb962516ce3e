import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

import { endOf } from "../../linux/file-content.ts";
import { zeroRange } from "../../linux/zero-range.ts";
import { dataRuns } from "../target/data-runs.ts";
import { RestoreError } from "../target/restore-error.ts";
import { type ImageTarget } from "./image-target.ts";
import { writeAll } from "./write-all.ts";

/** Runs of zeros of this length are left to the device; writing shorter ones is faster. */
const DISCARD_BYTES_MIN = 64 * 1024;
const ZEROS: Uint8Array = new Uint8Array(1024 * 1024);

/**
 * A block device that is overwritten in place, so that its first bytes are the image; what is behind them stays.
 *
 * Zeros are discarded where the device can do that and written where it cannot.
 */
export class ImageDevice implements ImageTarget {
  readonly #path: string;
  readonly #device: FileHandle;
  #canDiscard = true;

  private constructor(path: string, device: FileHandle) {
    this.#path = path;
    this.#device = device;
  }

  /**
   * Opens a device that is not in use and has room for the image; nothing is written yet.
   *
   * @param imageBytes How much room it has to have.
   * @throws {RestoreError} `RESTORE_TARGET_TOO_SMALL`; `RESTORE_TARGET_UNUSABLE`, also for a device that is mounted.
   */
  static async open(path: string, imageBytes: number): Promise<ImageDevice> {
    let device: FileHandle;
    try {
      // For a block device, "exclusive" means that no file system and no other owner has it.
      device = await open(path, constants.O_RDWR | constants.O_EXCL);
    } catch (error) {
      const isBusy = error instanceof Error && "code" in error && error.code === "EBUSY";
      const reason = isBusy ? "the device is in use, for example mounted" : String(error);
      throw new RestoreError("RESTORE_TARGET_UNUSABLE", path, reason);
    }
    const deviceBytes = endOf(device.fd);
    if (deviceBytes >= imageBytes) return new ImageDevice(path, device);
    await device.close();
    const reason = `the device has ${deviceBytes} bytes, the image ${imageBytes}`;
    throw new RestoreError("RESTORE_TARGET_TOO_SMALL", path, reason);
  }

  async write(piece: Uint8Array, offset: number): Promise<void> {
    let done = 0;
    for (const { start, end } of dataRuns(piece, { offset, blockBytes: DISCARD_BYTES_MIN })) {
      await this.writeZeros(offset + done, start - done);
      await writeAll(this.#device, piece.subarray(start, end), offset + start);
      done = end;
    }
    await this.writeZeros(offset + done, piece.length - done);
  }

  async writeZeros(offset: number, size: number): Promise<void> {
    if (size === 0) return;
    const isLarge = size >= DISCARD_BYTES_MIN;
    if (isLarge && this.#canDiscard) {
      if (await zeroRange(this.#device.fd, { offset, size })) return;
      // Only the end of an image may be unaligned; anything else that fails will fail again.
      if (size % DISCARD_BYTES_MIN === 0) this.#canDiscard = false;
    }
    for (let done = 0; done < size; done += ZEROS.length) {
      await writeAll(this.#device, ZEROS.subarray(0, size - done), offset + done);
    }
  }

  async finish(): Promise<void> {
    try {
      // Errors of a device show only when what was written reaches it.
      await this.#device.sync();
    } finally {
      await this.#device.close();
    }
  }

  async finishDamaged(): Promise<string> {
    await this.finish();
    return this.#path;
  }

  async discard(): Promise<void> {
    await this.#device.close();
  }
}

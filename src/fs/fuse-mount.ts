import { closeSync } from "node:fs";
import { writeFile } from "node:fs/promises";

import { mountedAt } from "../linux/mount-table.ts";
import { SystemError } from "../linux/system-error.ts";
import { FUSE_TRANSFER_BYTES_MAX } from "./fuse-protocol.ts";
import { type FuseThread } from "./fuse-thread.ts";
import { MountError } from "./mount-error.ts";
import { type Mount } from "./transport.ts";
import { unmountPath, unmountPathNow } from "./unmount-path.ts";

/** What a mount consists of, once the kernel has it. */
export interface FuseMountParts {
  readonly mountPoint: string;
  /** Descriptor the kernel asks on; the mount closes it. */
  readonly descriptor: number;
  readonly thread: FuseThread;
  readonly onError: (error: Error) => void;
}

/**
 * A mount answered by a {@link FuseThread}.
 *
 * Whatever ends it, the order is: out of the tree of files, thread ended, descriptor closed. Closing the last
 * descriptor makes the kernel fail every request there is and will be, so nobody is left waiting.
 */
export class FuseMount implements Mount {
  readonly #parts: FuseMountParts;
  /** Device numbers of the mount, by which it is told from another on the same path. */
  readonly #device: string | undefined;
  readonly #onExit = (): void => {
    this.#parts.thread.stopNow();
    if (this.#isMounted()) unmountPathNow(this.#parts.mountPoint);
  };
  #unmounting: Promise<void> | undefined;

  readonly ended: Promise<void>;

  /** Takes over what was just mounted. */
  constructor(parts: FuseMountParts) {
    this.#parts = parts;
    this.#device = mountedAt(parts.mountPoint)?.device;
    process.once("exit", this.#onExit);
    this.ended = this.#watch();
    // Waiting for the end is optional; a mount that broke has been reported to `onError` as well.
    this.ended.catch(() => undefined);
  }

  /**
   * Lets the kernel read ahead as much as one transfer holds; it starts with an eighth of that.
   *
   * Only root may; without it reading is slower, not wrong.
   */
  async raiseReadahead(): Promise<void> {
    if (this.#device === undefined) return;
    const setting = `/sys/class/bdi/${this.#device}/read_ahead_kb`;
    await writeFile(setting, String(FUSE_TRANSFER_BYTES_MAX / 1024)).catch(() => undefined);
  }

  async unmount(): Promise<void> {
    this.#unmounting ??= this.#detachAndStop();
    await this.#unmounting;
  }

  async #detachAndStop(): Promise<void> {
    await this.#detach();
    await this.#parts.thread.stop();
    await this.ended.catch(() => undefined);
  }

  async #watch(): Promise<void> {
    const { thread, descriptor, mountPoint, onError } = this.#parts;
    const failure = await thread.ended;
    await this.#detach();
    closeSync(descriptor);
    process.off("exit", this.#onExit);
    if (!failure) return;
    const error = new MountError("MOUNT_THREAD_FAILED", mountPoint, undefined, { cause: failure });
    onError(error);
    throw error;
  }

  /** Never fails: what cannot be unmounted is reported, and closing the descriptor then makes it answer with errors. */
  async #detach(): Promise<void> {
    const { mountPoint, onError } = this.#parts;
    for (const mode of ["plain", "lazy"] as const) {
      if (!this.#isMounted()) return;
      try {
        await unmountPath(mountPoint, mode);
        return;
      } catch (error) {
        const mayTryLazily = mode === "plain" && error instanceof SystemError;
        if (!mayTryLazily) onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  /** Whether ours is what is seen at the mount point: another mount there must not be taken away. */
  #isMounted(): boolean {
    return this.#device !== undefined && mountedAt(this.#parts.mountPoint)?.device === this.#device;
  }
}

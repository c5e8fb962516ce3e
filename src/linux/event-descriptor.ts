import { closeSync, writeSync } from "node:fs";

import { readDescriptor } from "./descriptor-io.ts";
import { bindLibc } from "./libc.ts";
import { scratchMemory } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** sys/eventfd.h: the values of O_NONBLOCK and O_CLOEXEC on the architectures Node runs on. */
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/**
 * An `eventfd(2)`: a descriptor that one thread makes readable to wake another out of `poll(2)`.
 *
 * Threads share its number, not this object; the thread that made it closes it.
 */
export class EventDescriptor {
  /** Number to poll on, and to give to the other thread. */
  readonly fd: number;

  /**
   * Opens it.
   *
   * @throws {SystemError} When descriptors have run out.
   */
  constructor() {
    this.fd = bindLibc("int eventfd(unsigned int initial, int flags)")(
      0,
      EFD_NONBLOCK | EFD_CLOEXEC,
    );
    if (this.fd < 0) throw lastSystemError("eventfd");
  }

  /** Makes it readable; never blocks. */
  signal(): void {
    writeSync(this.fd, ONE);
  }

  /** Gives the descriptor back; it must not be in use by another thread any more. */
  close(): void {
    closeSync(this.fd);
  }
}

/** Makes the event descriptor `fd` unreadable until the next signal. */
export function clearEvent(fd: number): void {
  readDescriptor(fd, scratchMemory().resultAddress, 8);
}

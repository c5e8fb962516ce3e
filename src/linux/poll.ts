import { bindLibc, errnoNumber, lastErrno, type LibcFunction } from "./libc.ts";
import { addressOf } from "./scratch-memory.ts";
import { lastSystemError } from "./system-error.ts";

/** `sizeof(struct pollfd)`: int fd, short events, short revents (poll.h). */
const POLLFD_BYTES = 8;
const POLLIN = 1;

/**
 * Waits until one of a fixed set of descriptors can be read, with `poll(2)`.
 *
 * For threads that have no event loop because a system call is their loop. A descriptor in an error state counts as
 * readable: the read then tells what is wrong.
 */
export class Poller {
  readonly #view: DataView;
  readonly #address: number;
  readonly #count: number;
  readonly #poll: LibcFunction;

  /** Watches these descriptors, which stay open as long as the poller is used; its indexes are theirs. */
  constructor(descriptors: readonly number[]) {
    // At least 128 bytes, so that the memory is not in V8's heap and keeps its address.
    const bytes = new Uint8Array(Math.max(128, descriptors.length * POLLFD_BYTES));
    this.#view = new DataView(bytes.buffer);
    this.#address = addressOf(bytes);
    this.#count = descriptors.length;
    this.#poll = bindLibc("int poll(uintptr_t fds, uint64_t count, int timeout)");
    for (const [index, descriptor] of descriptors.entries()) {
      this.#view.setInt32(index * POLLFD_BYTES, descriptor, true);
      this.#view.setInt16(index * POLLFD_BYTES + 4, POLLIN, true);
    }
  }

  /**
   * Blocks the thread.
   *
   * @param timeoutMs Longest time to wait; −1 for ever.
   * @returns Whether one is readable; false after the time or a signal.
   * @throws {SystemError} As `poll(2)`.
   */
  wait(timeoutMs: number): boolean {
    const ready = this.#poll(this.#address, this.#count, timeoutMs);
    if (ready >= 0) return ready > 0;
    if (lastErrno() === errnoNumber("EINTR")) return false;
    throw lastSystemError("poll");
  }

  /** Whether the descriptor at `index` was readable when {@link wait} returned. */
  isReadable(index: number): boolean {
    return this.#view.getInt16(index * POLLFD_BYTES + 6, true) !== 0;
  }
}

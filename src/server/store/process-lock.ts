import { type Clock } from "../../format/clock.ts";
import { type StorageLock } from "./store-backend.ts";
import { StoreError } from "./store-error.ts";

/** Proof that a process lock is held; goes with disposal. */
export interface ProcessGuard extends AsyncDisposable {
  /** When the guard was taken, in whole seconds since the epoch. */
  readonly takenAtSec: number;
  /** Gives the guard back; a second time does nothing. */
  release(): Promise<void>;
}

/**
 * Counts who in this process adds references to chunks, and holds the storage's lock against other processes meanwhile.
 *
 * Writers hold *shared* guards from before their first chunk until their last index has its final name; collection
 * holds the *exclusive* guard. Both may be held here at the same time: the exclusive one only keeps out other processes, and
 * collection inside this process goes by {@link oldestWriterSec} (W4, spec datastore.md §5.1).
 */
export class ProcessLock {
  readonly #storage: StorageLock;
  readonly #clock: Clock;
  readonly #writers = new Set<ProcessGuard>();
  #collector: ProcessGuard | undefined;
  /** State changes of the storage's lock happen one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(storage: StorageLock, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Start of the oldest writer still running in seconds since the epoch, or `undefined` when there is none. */
  get oldestWriterSec(): number | undefined {
    let oldest: number | undefined;
    for (const writer of this.#writers) {
      if (oldest === undefined || writer.takenAtSec < oldest) oldest = writer.takenAtSec;
    }
    return oldest;
  }

  /** Whether this process collects. */
  get isCollecting(): boolean {
    return this.#collector !== undefined;
  }

  /**
   * Registers a writer.
   *
   * @throws {StoreError} `STORE_IN_USE` while another process collects garbage.
   */
  async shared(): Promise<ProcessGuard> {
    const guard = this.#guard(() => this.#writers.delete(guard));
    await this.#inTurn(async () => {
      if (
        this.#writers.size === 0 &&
        !this.#collector &&
        !(await this.#storage.setLock("shared"))
      ) {
        throw new StoreError(
          "STORE_IN_USE",
          "unable to get shared lock - another process holds it",
        );
      }
      this.#writers.add(guard);
    });
    return guard;
  }

  /**
   * Registers the collector.
   *
   * @throws {StoreError} `STORE_IN_USE` while another process writes or collects, `STORE_LOCKED` while this one collects.
   */
  async exclusive(): Promise<ProcessGuard> {
    const guard = this.#guard(() => (this.#collector = undefined));
    await this.#inTurn(async () => {
      if (this.#collector) throw new StoreError("STORE_LOCKED", "collection is already running");
      if (!(await this.#storage.setLock("exclusive"))) {
        throw new StoreError(
          "STORE_IN_USE",
          "unable to get exclusive lock - another process uses it",
        );
      }
      this.#collector = guard;
    });
    return guard;
  }

  #guard(forget: () => void): ProcessGuard {
    let held = true;
    const release = async (): Promise<void> => {
      if (!held) return;
      held = false;
      await this.#inTurn(async () => {
        forget();
        await this.#storage.setLock(this.#wanted());
      });
    };
    return { takenAtSec: this.#clock.nowSec(), release, [Symbol.asyncDispose]: release };
  }

  #wanted(): "none" | "shared" | "exclusive" {
    if (this.#collector) return "exclusive";
    return this.#writers.size > 0 ? "shared" : "none";
  }

  async #inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => undefined);
    await done;
  }
}

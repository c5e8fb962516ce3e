import assert from "node:assert/strict";

import { StoreError } from "./store-error.ts";

/** A held lock. Releasing twice is allowed and does nothing. */
export interface Lock extends Disposable {
  /** Lets others in. */
  release(): void;
  /** Turns an exclusive lock into a shared one without letting go of it (spec datastore.md §3.3). */
  downgrade(): void;
}

interface Entry {
  /** Number of shared holders, or -1 for one exclusive holder. */
  holders: number;
  readonly waiting: (() => void)[];
}

/**
 * Locks of groups, snapshots and manifests inside this process (spec datastore.md §5.2).
 *
 * Keys come from `store-path.ts`. Locks are not re-entrant. All are tried without waiting, except the manifest lock.
 * Which operation takes which lock stands in docs/protocol/locks.md.
 */
export class LockTable {
  readonly #entries = new Map<string, Entry>();

  /** Takes a shared lock, or `undefined` when someone holds it exclusively. */
  tryShared(key: string): Lock | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.holders < 0) return undefined;
    const held = entry ?? this.#add(key);
    held.holders++;
    return this.#lock(key, held, "shared");
  }

  /** Takes an exclusive lock, or `undefined` when anyone holds it. */
  tryExclusive(key: string): Lock | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.holders !== 0) return undefined;
    const held = entry ?? this.#add(key);
    held.holders = -1;
    return this.#lock(key, held, "exclusive");
  }

  /**
   * Takes an exclusive lock, waiting for it at most `timeoutMs`; the first to ask is the first to get it.
   *
   * @throws {StoreError} `STORE_LOCKED` when the time is over.
   */
  async waitExclusive(key: string, timeoutMs: number): Promise<Lock> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const lock = this.tryExclusive(key);
      if (lock) return lock;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        throw new StoreError("STORE_LOCKED", `unable to acquire lock "${key}" in time`);
      }
      await this.#change(key, leftMs);
    }
  }

  /** Whether anyone holds the lock. */
  isHeld(key: string): boolean {
    return this.#entries.has(key);
  }

  #add(key: string): Entry {
    const entry: Entry = { holders: 0, waiting: [] };
    this.#entries.set(key, entry);
    return entry;
  }

  #lock(key: string, entry: Entry, kind: "shared" | "exclusive"): Lock {
    let held: "shared" | "exclusive" | "no" = kind;
    const release = (): void => {
      if (held === "no") return;
      entry.holders = held === "exclusive" ? 0 : entry.holders - 1;
      held = "no";
      if (entry.holders === 0) {
        assert.equal(this.#entries.get(key), entry);
        this.#entries.delete(key);
        for (const wake of entry.waiting) wake();
      }
    };
    return {
      release,
      [Symbol.dispose]: release,
      downgrade: () => {
        assert.equal(held, "exclusive");
        held = "shared";
        entry.holders = 1;
      },
    };
  }

  /** Resolves when the lock became free or the time is over. */
  async #change(key: string, timeoutMs: number): Promise<void> {
    const entry = this.#entries.get(key);
    if (!entry) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      entry.waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
